"""dicomweb-client, a library that strangers use: stores an object, finds it, and retrieves it in every way that the library knows."""

import json
import sys
from io import BytesIO

import numpy
import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid


def fresh(name):
    """A file of pydicom's own as an object that nobody has stored."""
    data = pydicom.dcmread(get_testdata_file(name))
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(data, keyword, generate_uid())
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    return data


def main():
    given = json.loads(sys.argv[1])
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {given['token']}"
    client = DICOMwebClient(url=given["dicomweb"], session=http)
    data = fresh("CT_small.dcm")
    # A private value that is too long for metadata stands as bulk data of its own.
    block = data.private_block(0x0099, "BADIANO", create=True)
    block.add_new(0x01, "OB", bytes(range(256)) * 400)
    where = (data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID)
    study, series, sop = where
    told = {}
    answer = client.store_instances([data])
    told["stored"] = [str(i.ReferencedSOPInstanceUID) for i in answer.ReferencedSOPSequence] == [sop]
    found = client.search_for_studies(search_filters={"StudyInstanceUID": study}, fields=["StudyDescription", "00080090"], limit=5)
    told["studies"] = [s["0020000D"]["Value"][0] for s in found] == [study]
    told["fuzzy"] = any(s["0020000D"]["Value"][0] == study for s in client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "compressedsamples"}))
    told["series"] = [s["0020000E"]["Value"][0] for s in client.search_for_series(study)] == [series]
    told["instances"] = [i["00080018"]["Value"][0] for i in client.search_for_instances(study, series)] == [sop]
    def attributes(fields):
        return http.get(f"{given['dicomweb']}/studies/{study}/instances", params=fields, headers={"Accept": "application/dicom+json"}).json()[0]
    told["fields of the header"] = all(client.search_for_instances(study, series, fields=["SliceThickness", "00281053"])[0].get(tag) == client.retrieve_instance_metadata(*where)[tag] for tag in ("00180050", "00281053"))
    told["fields in every form"] = all({"00180050", "00281053"} <= set(attributes(fields)) for fields in ([("includefield", "SliceThickness,00281053")], [("includefield", "00180050"), ("includefield", "RescaleSlope")], [("includefield", "all")]))
    told["fields without pixels"] = "7FE00010" not in attributes([("includefield", "all")])
    told["study"] = [str(i.SOPInstanceUID) for i in client.retrieve_study(study)] == [sop]
    told["series objects"] = [str(i.SOPInstanceUID) for i in client.retrieve_series(study, series)] == [sop]
    told["instance"] = numpy.array_equal(client.retrieve_instance(*where).pixel_array, data.pixel_array)
    one = client.retrieve_instance_metadata(*where)
    told["metadata"] = [m["00080018"]["Value"][0] for m in (*client.retrieve_study_metadata(study), *client.retrieve_series_metadata(study, series), one)] == [sop] * 3
    frames = client.retrieve_instance_frames(*where, frame_numbers=[1])
    told["frame"] = frames[0] == data.PixelData
    told["bulk data"] = client.retrieve_bulkdata(one["00991001"]["BulkDataURI"])[0] == bytes(range(256)) * 400
    rendered = client.retrieve_instance_rendered(*where, media_types=("image/png",))
    told["rendered"] = rendered.startswith(b"\x89PNG")
    told["frame rendered"] = client.retrieve_instance_frames_rendered(*where, frame_numbers=[1], media_types=("image/jpeg",)).startswith(b"\xff\xd8")
    query = {"requestType": "WADO", "studyUID": study, "seriesUID": series, "objectUID": sop}
    wado = given["dicomweb"].removesuffix("/dicomweb") + "/wado"
    told["WADO-URI object"] = pydicom.dcmread(BytesIO(http.get(wado, params={**query, "contentType": "application/dicom"}).content)).SOPInstanceUID == sop
    told["WADO-URI picture"] = http.get(wado, params={**query, "rows": "64", "columns": "64"}).content.startswith(b"\xff\xd8")
    options = requests.options(given["dicomweb"] + "/", headers={"Accept": "application/json"}).json()
    told["capabilities"] = any(r["path"] == "/dicomweb/studies/{study}/metadata" for r in options["resources"])
    refused = http.get(f"{given['dicomweb']}/studies/{study}", headers={"Accept": "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80"})
    told["refused encoding"] = refused.status_code == 406
    print(json.dumps(told))


main()
