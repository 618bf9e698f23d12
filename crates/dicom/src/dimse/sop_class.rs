//! SOP classes of the services beside storage, with the operations of each (PS3.4, PS3.6 table A-1).

use super::Operation;

pub const VERIFICATION: &str = "1.2.840.10008.1.1";
pub const STORAGE_COMMITMENT_PUSH: &str = "1.2.840.10008.1.20.1";
/// The well-known instance of storage commitment push.
pub const STORAGE_COMMITMENT_PUSH_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
pub const MODALITY_PERFORMED_PROCEDURE_STEP: &str = "1.2.840.10008.3.1.2.3.3";
pub const MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE: &str = "1.2.840.10008.3.1.2.3.4";
pub const MODALITY_PERFORMED_PROCEDURE_STEP_NOTIFICATION: &str = "1.2.840.10008.3.1.2.3.5";
pub const MODALITY_WORKLIST_FIND: &str = "1.2.840.10008.5.1.4.31";
pub const PATIENT_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.1.1";
pub const PATIENT_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.1.2";
pub const PATIENT_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.1.3";
pub const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
pub const STUDY_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
pub const STUDY_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
pub const INSTANCE_AVAILABILITY_NOTIFICATION: &str = "1.2.840.10008.5.1.4.33";
pub const UPS_PUSH: &str = "1.2.840.10008.5.1.4.34.6.1";
pub const UPS_WATCH: &str = "1.2.840.10008.5.1.4.34.6.2";
pub const UPS_PULL: &str = "1.2.840.10008.5.1.4.34.6.3";
pub const UPS_EVENT: &str = "1.2.840.10008.5.1.4.34.6.4";
pub const UPS_QUERY: &str = "1.2.840.10008.5.1.4.34.6.5";

/// A service and what may be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceSopClass {
    pub uid: &'static str,
    pub name: &'static str,
    pub operations: &'static [Operation],
}

/// The service SOP class with this UID; `None` for storage, which is in the dictionary.
pub fn service_sop_class(uid: &str) -> Option<&'static ServiceSopClass> {
    SERVICE_SOP_CLASSES.iter().find(|class| class.uid == uid)
}

const fn row(uid: &'static str, name: &'static str, operations: &'static [Operation]) -> ServiceSopClass {
    ServiceSopClass { uid, name, operations }
}

/// Every service SOP class that this program has a name for; which of them are served is the policy's to say.
#[rustfmt::skip]
pub const SERVICE_SOP_CLASSES: &[ServiceSopClass] = {
    use Operation::{CEcho, CFind, CGet, CMove, NAction, NCreate, NEventReport, NGet, NSet};
    &[
        row(VERIFICATION, "Verification", &[CEcho]),
        row(STORAGE_COMMITMENT_PUSH, "Storage Commitment Push Model", &[NAction, NEventReport]),
        row(MODALITY_PERFORMED_PROCEDURE_STEP, "Modality Performed Procedure Step", &[NCreate, NSet]),
        row(MODALITY_PERFORMED_PROCEDURE_STEP_RETRIEVE, "Modality Performed Procedure Step Retrieve", &[NGet]),
        row(MODALITY_PERFORMED_PROCEDURE_STEP_NOTIFICATION, "Modality Performed Procedure Step Notification", &[NEventReport]),
        row(MODALITY_WORKLIST_FIND, "Modality Worklist Information Model - FIND", &[CFind]),
        row(PATIENT_ROOT_FIND, "Patient Root Query/Retrieve Information Model - FIND", &[CFind]),
        row(PATIENT_ROOT_MOVE, "Patient Root Query/Retrieve Information Model - MOVE", &[CMove]),
        row(PATIENT_ROOT_GET, "Patient Root Query/Retrieve Information Model - GET", &[CGet]),
        row(STUDY_ROOT_FIND, "Study Root Query/Retrieve Information Model - FIND", &[CFind]),
        row(STUDY_ROOT_MOVE, "Study Root Query/Retrieve Information Model - MOVE", &[CMove]),
        row(STUDY_ROOT_GET, "Study Root Query/Retrieve Information Model - GET", &[CGet]),
        row(INSTANCE_AVAILABILITY_NOTIFICATION, "Instance Availability Notification", &[NCreate]),
        row(UPS_PUSH, "Unified Procedure Step - Push", &[NCreate, NAction, NGet]),
        row(UPS_WATCH, "Unified Procedure Step - Watch", &[NAction, NGet, CFind]),
        row(UPS_PULL, "Unified Procedure Step - Pull", &[CFind, NGet, NSet, NAction]),
        row(UPS_EVENT, "Unified Procedure Step - Event", &[NEventReport]),
        row(UPS_QUERY, "Unified Procedure Step - Query", &[CFind]),
    ]
};
