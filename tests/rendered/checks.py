"""The checks on a rendered page. Each takes a Visit and returns its complaints; an empty list is a pass."""

import re

MIN_ALT = 15  # characters; "A depth map" says less than a reader needs
BAD_ALT = re.compile(r"\.(png|jpe?g|gif|svg|webp)$|_images/|^(the )?(image|figure|plot|picture|output)\W*\d*$", re.I)
# Chromium reports a blocked request in the console too; outside_requests names it already.
BLOCKED = re.compile(r"^Failed to load resource: net::ERR_(FAILED|INTERNET_DISCONNECTED)$")
GRAVE = ("serious", "critical")


def outside_requests(visit):
    """Nothing may be asked of the network, neither now nor as a hint for later."""
    return sorted(set(visit.requests) | set(visit.facts.get("hints", [])))


def script_errors(visit):
    """Errors in the console and exceptions that no script caught."""
    console = [text for text in visit.console_errors if not (visit.requests and BLOCKED.match(text))]
    return [f"console: {text}" for text in console] + [f"uncaught: {text}" for text in visit.page_errors]


def math_problems(visit):
    """Formulas that MathJax did not typeset, or could not."""
    facts = visit.facts
    missed = [f"not typeset: {formula['text']}" for formula in facts["math"] if not formula["typeset"]]
    errors = [f"MathJax error: {text}" for text in facts["mathErrors"]]
    return missed + errors + [f"delimiter left in the text: {text}" for text in facts["rawMath"]]


def unloaded_images(visit):
    """Images that did not load, in the theme as in the content."""
    return [f"{image['src']} did not load" for image in visit.facts["images"] if not image["loaded"]]


def alt_problems(visit):
    """Content images whose alt text would tell a listener nothing."""
    problems = []
    for image in visit.facts["images"]:
        if not image["inContent"]:
            continue
        alt = (image["alt"] or "").strip()
        if not alt:
            problems.append(f"{image['src']} has no alt text")
        elif BAD_ALT.search(alt) or len(alt) < MIN_ALT:
            problems.append(f"{image['src']} has an alt text that describes nothing: {alt!r}")
    return problems


def overflow(visit):
    """The page may not scroll sideways; the message names what sticks out furthest."""
    facts = visit.facts
    if facts["scrollWidth"] <= facts["clientWidth"] + 1:
        return []
    size = f"the page is {facts['scrollWidth']} px wide in a window of {facts['clientWidth']} px"
    return [size, *(facts["wide"] or ["(nothing visible sticks out: look for a margin or a pseudo-element)"])]


def wrong_theme(visit):
    """With default_mode auto the page follows the reader's colour scheme."""
    found = visit.facts["dataTheme"]
    return [] if found == visit.theme else [f"asked for {visit.theme}, data-theme is {found!r}"]


def axe_violations(visit):
    """axe-core's serious and critical findings inside the content."""
    problems = []
    for rule in visit.axe:
        if rule["impact"] not in GRAVE:
            continue
        nodes = rule["nodes"]
        more = f" and {len(nodes) - 4} more" if len(nodes) > 4 else ""
        targets = "; ".join(f"{_target(node)}{_contrast(node)}" for node in nodes[:4])
        problems.append(f"{rule['id']} ({rule['impact']}): {rule['help']}: {targets}{more}")
    return problems


def _target(node):
    return " ".join(part if isinstance(part, str) else " >> ".join(part) for part in node["target"])


def _contrast(node):
    for check in node["any"]:
        data = check.get("data")
        if isinstance(data, dict) and "contrastRatio" in data:
            return f" [{data['fgColor']} on {data['bgColor']}: {data['contrastRatio']}]"
    return ""


def basics(visit):
    """What a screen reader announces first: the language, the title, one main heading."""
    facts = visit.facts
    problems = []
    if not facts["lang"]:
        problems.append("<html> has no lang")
    if not facts["title"]:
        problems.append("the title is empty")
    if len(facts["h1"]) != 1 or not facts["h1"][0]:
        problems.append(f"one visible h1 is wanted, found {facts['h1']}")
    return problems
