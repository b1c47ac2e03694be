"""ReDWeb: 3600 photographs from the web with dense relative depth from stereo (fetched from Google Drive).

Source: Xian et al., CVPR 2018; https://sites.google.com/site/redwebcvpr18.
Terms: for research only, as that page says.
Fetched: one archive; its address is documented by users of the data set, and could not be tried when this was written.
Google Drive limits how often a file may be fetched and then answers with a web page, which is refused: then by hand, or
try on another day. No sum is published.
"""

from data_scripts._command import DataSet, File, drive_url, run

__all__ = ["REDWEB", "main"]

REDWEB = DataSet(
    command="redweb",
    name="redweb",
    splits={None: "Imgs"},
    files=(File(drive_url("12IjUC6eAiLBX67jW57YQMNRVqUGvTZkX"), name="ReDWeb_V1.tar.gz", makes="RDs"),),
    by_hand="""
1. Open https://sites.google.com/site/redwebcvpr18 and follow "Download" to Google Drive (ReDWeb_V1).
2. Unpack it, and make its folder ReDWeb_V1 your DIR:
     DIR/Imgs/*.jpg
     DIR/RDs/*.png
""",
)


def main(argv=None):
    """Fetch, verify and index; the exit status."""
    return run(REDWEB, __doc__, argv)


if __name__ == "__main__":
    raise SystemExit(main())
