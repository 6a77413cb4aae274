"""The matrix of docs/kafka-compatibility.md: client and version by feature, as the last runs found it."""

import re

WORKS = "yes"
NOT_A_FEATURE = "n/a"  # the client has no such feature
SKIPPED = "skipped"    # in place of a version: it could not be installed, and its column is empty
BEGIN = "<!-- interop matrix: written by scripts/interop.sh -->"
END = "<!-- end of the interop matrix -->"


def read(page, features):
    """{client: {"version": ..., "results": {feature: cell}}} of the page as it is."""
    found = re.search(re.escape(BEGIN) + r"\n(.*?)" + re.escape(END), page, re.DOTALL)
    if not found:
        raise ValueError(f"the page lacks {BEGIN!r}")
    # Cells may be empty, the first of the head is.
    rows = [[cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
            for line in found.group(1).splitlines() if line.startswith("|")]
    if not rows:
        return {}
    by_title = {title: name for name, title in features.items()}
    columns = [head.rsplit(" ", 1) for head in rows[0][1:]]
    matrix = {client: {"version": version, "results": {}} for client, version in columns}
    for row in rows[2:]:
        for (client, _), cell in zip(columns, row[1:]):
            if row[0] in by_title:
                matrix[client]["results"][by_title[row[0]]] = cell
    return matrix


def render(columns, features):
    clients = sorted(columns)
    lines = ["| | " + " | ".join(f"{name} {columns[name]['version']}" for name in clients) + " |",
             "| --- |" + " --- |" * len(clients)]
    for feature, title in features.items():
        cells = []
        for name in clients:
            result = columns[name]["results"].get(feature, "")
            cells.append(result if result in (WORKS, NOT_A_FEATURE, "") else "no")
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(path, columns, features):
    """Replaces the columns of the clients that ran."""
    page = path.read_text()
    merged = dict(read(page, features), **columns)
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{render(merged, features)}{END}{after}")
