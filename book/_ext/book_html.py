"""Sphinx extension: repairs in the HTML of a page what no setting or stylesheet reaches."""

# docutils writes each reference as role="doc-biblioentry" inside role="list", and a list takes list items only.
REPAIRS = (('role="doc-biblioentry"', 'role="listitem"'),)


def repair(app, pagename, templatename, context, doctree):
    for old, new in REPAIRS:
        if "body" in context:
            context["body"] = context["body"].replace(old, new)


def setup(app):
    app.connect("html-page-context", repair)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
