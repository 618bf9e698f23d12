"""A scanner's performed procedure step (PS3.4 annex F): N-CREATE, N-SET until completed, and one N-SET too many; prints the statuses."""

import json
import sys
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import ModalityPerformedProcedureStep as MPPS


def created(visit, calling):
    now = datetime.now()
    step = Dataset()
    step.StudyInstanceUID = visit["study_uid"]
    step.ReferencedStudySequence = []
    step.AccessionNumber = visit["accession"]
    step.RequestedProcedureID = visit["requested_procedure"]
    step.RequestedProcedureDescription = visit["procedure"]
    step.ScheduledProcedureStepID = visit["scheduled_step"]
    step.ScheduledProcedureStepDescription = visit["procedure"]
    step.ScheduledProtocolCodeSequence = []
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ScheduledStepAttributesSequence = [step]
    data.PatientName = f"{visit['first_surname']} {visit['second_surname']}^{visit['given']}"
    data.PatientID = visit["mrn"]
    data.PatientBirthDate = ""
    data.PatientSex = ""
    data.ReferencedPatientSequence = []
    data.PerformedProcedureStepID = "PPS" + visit["scheduled_step"][-8:]
    data.PerformedStationAETitle = calling
    data.PerformedStationName = ""
    data.PerformedLocation = ""
    data.PerformedProcedureStepStartDate = now.strftime("%Y%m%d")
    data.PerformedProcedureStepStartTime = now.strftime("%H%M%S")
    data.PerformedProcedureStepStatus = "IN PROGRESS"
    data.PerformedProcedureStepDescription = visit["procedure"]
    data.PerformedProcedureTypeDescription = ""
    data.ProcedureCodeSequence = []
    data.PerformedProcedureStepEndDate = ""
    data.PerformedProcedureStepEndTime = ""
    data.Modality = visit["modality"]
    data.StudyID = ""
    data.PerformedProtocolCodeSequence = []
    data.PerformedSeriesSequence = []
    return data


def completed(visit):
    series = Dataset()
    series.PerformingPhysicianName = ""
    series.ProtocolName = visit["procedure"]
    series.OperatorsName = ""
    series.SeriesInstanceUID = visit["series_uid"]
    series.SeriesDescription = ""
    series.RetrieveAETitle = ""
    series.ReferencedImageSequence = []
    for instance in visit["instances"]:
        image = Dataset()
        image.ReferencedSOPClassUID = visit["sop_class"]
        image.ReferencedSOPInstanceUID = instance
        series.ReferencedImageSequence.append(image)
    series.ReferencedNonImageCompositeSOPInstanceSequence = []
    now = datetime.now()
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.PerformedProcedureStepStatus = "COMPLETED"
    data.PerformedProcedureStepEndDate = now.strftime("%Y%m%d")
    data.PerformedProcedureStepEndTime = now.strftime("%H%M%S")
    data.PerformedSeriesSequence = [series]
    return data


def main():
    given = json.loads(sys.argv[1])
    visit, node, calling = given["visit"], given["dimse"], given["calling"]
    scanner = AE(ae_title=calling)
    scanner.add_requested_context(MPPS)
    association = scanner.associate(node["host"], node["port"], ae_title=node["ae_title"])
    if not association.is_established:
        raise SystemExit("the association was not accepted")
    uid = generate_uid()
    answers = {"uid": uid}
    status, _ = association.send_n_create(created(visit, calling), MPPS, uid)
    answers["created"] = status.get("Status")
    again, _ = association.send_n_create(created(visit, calling), MPPS, uid)
    answers["created_again"] = again.get("Status")
    status, _ = association.send_n_set(completed(visit), MPPS, uid)
    answers["completed"] = status.get("Status")
    late, _ = association.send_n_set(completed(visit), MPPS, uid)
    answers["set_after_completion"] = late.get("Status")
    association.release()
    print(json.dumps(answers))


main()
