"""What the actions of `minires detect` share."""

import argparse
import pathlib

RUNS = pathlib.Path("runs")


def data_choices(data):
    """Return the fields of a DetectionConfig that --data decides."""
    if data is None:
        return {}
    if data == "scenes":
        return {"data": "scenes"}
    return {"data": "voc", "data_dir": str(pathlib.Path(data).expanduser().absolute())}


def last_line(record, proposals):
    """Return the line that ends `minires detect train` and `minires detect eval`."""
    value = f"{record['map']:.2f}" if "map" in record else "not measured"
    return f"mAP {value} (IoU 0.5), {proposals} proposals, {record['milliseconds']:.0f} ms an image"


def numbers(text):
    """Return the numbers of a text such as "10,16,24"; for argparse."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected numbers such as 10,16,24, got {text!r}") from None
