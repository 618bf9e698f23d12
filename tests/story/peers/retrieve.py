"""A workstation that asks the archive (C-FIND) and has objects sent to it (C-GET, C-MOVE), with cancel (PS3.4 annex C); prints what came."""

import json
import sys

from pydicom.dataset import Dataset
from pynetdicom import AE, AllStoragePresentationContexts, build_role, evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as FIND
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as GET
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove as MOVE


def identifier(level, **keys):
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(data, keyword, value)
    return data


class Workstation:
    def __init__(self, given):
        self.given = given
        self.received = []
        self.ae = AE(ae_title=given["calling"])
        self.syntaxes = [given["transfer_syntax"]]

    def take(self, event):
        self.received.append(str(event.request.AffectedSOPInstanceUID))
        return 0x0000

    def associate(self, *models, storage=False, relational=False):
        node = self.given["dimse"]
        self.ae.requested_contexts = []
        for model in models:
            self.ae.add_requested_context(model)
        negotiation = []
        if storage:
            self.ae.add_requested_context(self.given["sop_class"], self.syntaxes)
            negotiation.append(build_role(self.given["sop_class"], scp_role=True))
        if relational:
            for model in models:
                item = SOPClassExtendedNegotiation()
                item.sop_class_uid, item.service_class_application_information = model, b"\x01\x01\x01"
                negotiation.append(item)
        association = self.ae.associate(
            node["host"], node["port"], ae_title=node["ae_title"], ext_neg=negotiation, evt_handlers=[(evt.EVT_C_STORE, self.take)]
        )
        if not association.is_established:
            raise SystemExit("the association was not accepted")
        return association

    def find(self, data, relational=False):
        association = self.associate(FIND, relational=relational)
        answers = list(association.send_c_find(data, FIND))
        association.release()
        return {"status": answers[-1][0].Status, "names": [str(i.get("PatientName", "")) for _, i in answers if i], "matches": len(answers) - 1}

    def retrieve(self, model, data, destination=None, cancel=False):
        """The counts of the last response, and the objects that came."""
        self.received = []
        association = self.associate(model, storage=model == GET)
        if model == GET:
            responses = association.send_c_get(data, model, msg_id=7)
        else:
            responses = association.send_c_move(data, destination, model, msg_id=7)
        pending = 0
        last = None
        for status, _ in responses:
            if status.Status == 0xFF00:
                pending += 1
                if cancel and pending == 1:
                    association.send_c_cancel(7, query_model=model)
            last = status
        association.release()
        counts = [int(getattr(last, f"NumberOf{kind}Suboperations", 0) or 0) for kind in ("Completed", "Failed", "Warning")]
        return {"status": last.Status, "counts": counts, "pending": pending, "received": sorted(self.received)}


def main():
    given = json.loads(sys.argv[1])
    station = Workstation(given)
    server_ae = AE(ae_title=given["calling"])
    server_ae.supported_contexts = AllStoragePresentationContexts
    for context in server_ae.supported_contexts:
        context.transfer_syntax = station.syntaxes
    server = server_ae.start_server(("127.0.0.1", given["listen"]), block=False, evt_handlers=[(evt.EVT_C_STORE, station.take)])
    study = identifier("STUDY", StudyInstanceUID=given["study"])
    one = identifier("IMAGE", StudyInstanceUID=given["study"], SeriesInstanceUID=given["series"], SOPInstanceUID=given["instances"][0])
    answers = {
        "by_name": station.find(identifier("STUDY", PatientName=given["folded_name"], StudyInstanceUID=given["study"])),
        "hierarchical": station.find(identifier("SERIES", Modality="", SeriesInstanceUID=given["series"])),
        "relational": station.find(identifier("SERIES", Modality="", SeriesInstanceUID=given["series"]), relational=True),
        "get": station.retrieve(GET, study),
        "get_one": station.retrieve(GET, one),
        "get_none": station.retrieve(GET, identifier("STUDY", StudyInstanceUID="2.25.1")),
        "get_nothing": station.retrieve(GET, identifier("STUDY", PatientName="*")),
        "get_cancelled": station.retrieve(GET, study, cancel=True),
        "move": station.retrieve(MOVE, study, given["calling"]),
        "move_elsewhere": station.retrieve(MOVE, study, "NADIE"),
        "move_cancelled": station.retrieve(MOVE, study, given["calling"], cancel=True),
    }
    server.shutdown()
    print(json.dumps(answers))


main()
