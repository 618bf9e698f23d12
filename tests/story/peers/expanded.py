"""Compressed objects for a peer that takes only native pixels: by C-GET in explicit VR little endian, as frames over the web, and as
whole objects by their transfer syntax. Compared with what pydicom and DCMTK (dcmdjpeg) make of the same file. Prints how each ended."""

import json
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy
import pydicom
from pydicom.data import get_testdata_files
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLossless, JPEGLosslessSV1, RLELossless
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as GET

from web import Web

EXACT = [RLELossless, JPEGLossless, JPEGLosslessSV1, JPEG2000Lossless]
# Lossy decoders differ in rounding, and in how they enlarge colours of half the size.
NEAR = 3


def expected(path, data):
    """The stored values as other programs see them; nothing where they cannot."""
    syntax = data.file_meta.TransferSyntaxUID
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        with tempfile.NamedTemporaryFile(suffix=".dcm") as plain:
            done = subprocess.run(["dcmdjpeg", str(path), plain.name], capture_output=True)
            return pixel_array(pydicom.dcmread(plain.name)) if done.returncode == 0 else None
    try:
        return pixel_array(data, raw=syntax == RLELossless)
    except Exception:
        return None


def over_dimse(given, data):
    came = []

    def take(event):
        came.append(event.encoded_dataset())
        return 0x0000

    ae = AE(ae_title=given["calling"])
    ae.add_requested_context(GET)
    ae.add_requested_context(data.SOPClassUID, [ExplicitVRLittleEndian])
    node = given["dimse"]
    roles = [build_role(data.SOPClassUID, scp_role=True)]
    association = ae.associate(node["host"], node["port"], ae_title=node["ae_title"], ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, take)])
    if not association.is_established:
        raise SystemExit("the association was not accepted")
    asked = pydicom.Dataset()
    asked.QueryRetrieveLevel = "IMAGE"
    for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(asked, name, data[name].value)
    last = [status for status, _ in association.send_c_get(asked, GET)][-1]
    association.release()
    failed = int(last.get("NumberOfFailedSuboperations", 0) or 0)
    return (pydicom.dcmread(BytesIO(came[0])) if came else None), failed


def differ(seen, wanted, lossless):
    """How far the values are apart; nothing where they agree as far as they must."""
    if seen.shape != wanted.shape:
        return f"{seen.shape} and not {wanted.shape}"
    most = int(numpy.abs(seen.astype(numpy.int64) - wanted.astype(numpy.int64)).max())
    return None if most <= (0 if lossless else NEAR) else f"up to {most} apart"


def pressed(web, folder):
    """Native files as other programs compress them without loss, stored as new objects."""
    for name in ("CT_small.dcm", "MR_small.dcm", "SC_rgb.dcm", "SC_rgb_2frame.dcm", "MR2_UNCI.dcm", "examples_overlay.dcm", "emri_small.dcm"):
        for found in get_testdata_files(name)[:1]:
            for tool in (["dcmcjpeg", "+e1", "+ua"], ["dcmcjpeg", "+el", "+ua"], ["dcmcrle", "+ua"]):
                path = Path(folder) / f"{Path(name).stem}-{tool[0]}{tool[1]}.dcm"
                if subprocess.run([*tool, found, str(path)], capture_output=True).returncode == 0 and web.store(path.read_bytes()) == 200:
                    yield path


def check(given, web, path, told):
    try:
        data = pydicom.dcmread(path)
        where = [str(data[name].value) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
        syntax = data.file_meta.TransferSyntaxUID
    except Exception:
        return
    if not syntax.is_compressed or "PixelData" not in data or web.stored(*where) != path.read_bytes():
        return
    wanted = expected(path, data)
    received, failed = over_dimse(given, data)
    if received is None:
        told["refused"].append([path.name, syntax.name])
        if failed != 1:
            told["wrong"].append([path.name, "neither sent nor counted as failed"])
        return
    if wanted is None:
        told["unknown"].append(path.name)
        return
    seen = pixel_array(received, raw=True)
    wrong = differ(seen, wanted, syntax in EXACT)
    native = web.frame(*where)
    frames = int(data.get("NumberOfFrames", 1) or 1)
    first = received.PixelData[: len(received.PixelData) // frames] if frames > 1 else received.PixelData
    if native[: seen.nbytes // frames] != first[: seen.nbytes // frames]:
        wrong = wrong or "another frame over the web than by C-GET"
    whole = pydicom.dcmread(BytesIO(web.plain(*where)))
    if whole.PixelData != received.PixelData or whole.file_meta.TransferSyntaxUID != ExplicitVRLittleEndian:
        wrong = wrong or "another object over the web than by C-GET"
    if wrong:
        told["wrong"].append([path.name, syntax.name, wrong])
    else:
        told["exact" if syntax in EXACT else "near"] += 1


def main():
    given = json.loads(sys.argv[1])
    web = Web(given)
    told = {"exact": 0, "near": 0, "refused": [], "unknown": [], "wrong": []}
    with tempfile.TemporaryDirectory() as folder:
        for path in [*map(Path, sorted(get_testdata_files("*.dcm"))), *pressed(web, folder)]:
            check(given, web, path, told)
    print(json.dumps(told))


main()
