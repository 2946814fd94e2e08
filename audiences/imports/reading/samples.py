"""Some cells of each column, for whoever decides what the column is."""

from audiences.imports.reading.files import Reader

EACH = 5
LOOKED_AT = 1_000  # rows
LONGEST = 80  # characters of a cell
MOST_COLUMNS = 300


def of(reader: Reader) -> list[list[str]]:
    """The first different cells of each column that hold anything; the header was read."""
    found: list[dict[str, None]] = [{} for _name in reader.header[:MOST_COLUMNS]]
    batch = next(reader.batches(LOOKED_AT), None)
    for row in batch.rows if batch else []:
        for cells, cell in zip(found, row, strict=False):
            if len(cells) < EACH and (text := cell.strip()):
                cells[text[:LONGEST].replace("\0", "\ufffd")] = None
    return [list(cells) for cells in found]
