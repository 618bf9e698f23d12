"""A scanner that asks for storage commitment (PS3.4 annex J) and takes the report: on the same association, or on one that the archive opens."""

import json
import sys
import threading

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel as COMMITMENT
from pynetdicom.sop_class import StorageCommitmentPushModelInstance as INSTANCE

REPORT_SECONDS_MAX = 45


def request(given):
    data = Dataset()
    data.TransactionUID = generate_uid()
    data.ReferencedSOPSequence = []
    for sop_class, instance in given["objects"]:
        item = Dataset()
        item.ReferencedSOPClassUID = sop_class
        item.ReferencedSOPInstanceUID = instance
        data.ReferencedSOPSequence.append(item)
    return data


def main():
    given = json.loads(sys.argv[1])
    node, calling = given["dimse"], given["calling"]
    reports, came = [], threading.Event()
    data = request(given)

    def take(where):
        def handle(event):
            told = event.event_information
            # The archive reports at least once: one that we hung up on comes again, and is not what we wait for.
            if told.TransactionUID != data.TransactionUID:
                return 0x0000, None
            reports.append(
                {
                    "where": where,
                    "event_type": event.event_type,
                    "transaction": str(told.TransactionUID),
                    "here": [str(i.ReferencedSOPInstanceUID) for i in told.get("ReferencedSOPSequence", [])],
                    "missing": [
                        [str(i.ReferencedSOPInstanceUID), int(i.FailureReason)] for i in told.get("FailedSOPSequence", [])
                    ],
                }
            )
            came.set()
            return 0x0000, None

        return [(evt.EVT_N_EVENT_REPORT, handle)]

    scanner = AE(ae_title=calling)
    scanner.add_requested_context(COMMITMENT)
    # The archive that calls us is the provider of the service: it asks for the SCP role.
    scanner.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
    server = None
    if given["listen"]:
        server = scanner.start_server(("127.0.0.1", given["listen"]), block=False, evt_handlers=take("association of the archive"))
    handlers = [] if given["hang_up"] else take("same association")
    association = scanner.associate(node["host"], node["port"], ae_title=node["ae_title"], evt_handlers=handlers)
    if not association.is_established:
        raise SystemExit("the association was not accepted")
    status, _ = association.send_n_action(data, 1, COMMITMENT, INSTANCE)
    if given["hang_up"]:
        association.abort()
    came.wait(REPORT_SECONDS_MAX)
    if association.is_established:
        association.release()
    if server:
        server.shutdown()
    print(json.dumps({"action": status.get("Status"), "transaction": str(data.TransactionUID), "reports": reports}))


main()
