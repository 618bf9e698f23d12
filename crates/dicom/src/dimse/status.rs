//! Status codes of DIMSE responses and their classes (PS3.7 annex C, PS3.4 for the service classes).

use std::fmt;

/// Status (0000,0900).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

/// What a status means for the operation (PS3.7 C.1 to C.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    Success,
    /// More responses follow.
    Pending,
    Cancel,
    /// Done, with something to say.
    Warning,
    Failure,
}

impl Status {
    pub const SUCCESS: Status = Status(0x0000);
    pub const CANCEL: Status = Status(0xFE00);
    pub const PENDING: Status = Status(0xFF00);
    /// C-FIND: one or more optional keys were not supported.
    pub const PENDING_KEYS_NOT_SUPPORTED: Status = Status(0xFF01);

    // PS3.7 annex C, any service class.
    pub const REQUESTED_OPTIONAL_ATTRIBUTES_NOT_SUPPORTED: Status = Status(0x0001);
    pub const NO_SUCH_ATTRIBUTE: Status = Status(0x0105);
    pub const INVALID_ATTRIBUTE_VALUE: Status = Status(0x0106);
    /// A warning.
    pub const ATTRIBUTE_LIST_ERROR: Status = Status(0x0107);
    pub const PROCESSING_FAILURE: Status = Status(0x0110);
    pub const DUPLICATE_SOP_INSTANCE: Status = Status(0x0111);
    pub const NO_SUCH_SOP_INSTANCE: Status = Status(0x0112);
    pub const NO_SUCH_EVENT_TYPE: Status = Status(0x0113);
    pub const NO_SUCH_ARGUMENT: Status = Status(0x0114);
    pub const INVALID_ARGUMENT_VALUE: Status = Status(0x0115);
    /// A warning.
    pub const ATTRIBUTE_VALUE_OUT_OF_RANGE: Status = Status(0x0116);
    pub const INVALID_SOP_INSTANCE: Status = Status(0x0117);
    pub const NO_SUCH_SOP_CLASS: Status = Status(0x0118);
    pub const CLASS_INSTANCE_CONFLICT: Status = Status(0x0119);
    pub const MISSING_ATTRIBUTE: Status = Status(0x0120);
    pub const MISSING_ATTRIBUTE_VALUE: Status = Status(0x0121);
    pub const SOP_CLASS_NOT_SUPPORTED: Status = Status(0x0122);
    pub const NO_SUCH_ACTION_TYPE: Status = Status(0x0123);
    pub const NOT_AUTHORIZED: Status = Status(0x0124);
    pub const DUPLICATE_INVOCATION: Status = Status(0x0210);
    pub const UNRECOGNIZED_OPERATION: Status = Status(0x0211);
    pub const MISTYPED_ARGUMENT: Status = Status(0x0212);
    pub const RESOURCE_LIMITATION: Status = Status(0x0213);

    // PS3.4 B.2.3, C.4: storage and query/retrieve.
    pub const OUT_OF_RESOURCES: Status = Status(0xA700);
    /// C-MOVE and C-GET: matches cannot be counted.
    pub const OUT_OF_RESOURCES_MATCHES: Status = Status(0xA701);
    /// C-MOVE and C-GET: sub-operations cannot be done.
    pub const OUT_OF_RESOURCES_SUBOPERATIONS: Status = Status(0xA702);
    pub const MOVE_DESTINATION_UNKNOWN: Status = Status(0xA801);
    /// The data set or the identifier does not match the SOP class.
    pub const DATA_SET_DOES_NOT_MATCH: Status = Status(0xA900);
    pub const UNABLE_TO_PROCESS: Status = Status(0xC000);
    /// C-STORE: the data set cannot be understood.
    pub const CANNOT_UNDERSTAND: Status = Status(0xC000);
    pub const COERCION_OF_DATA_ELEMENTS: Status = Status(0xB000);
    /// C-MOVE and C-GET: some sub-operations failed.
    pub const SUBOPERATIONS_WITH_FAILURES: Status = Status(0xB000);
    pub const ELEMENTS_DISCARDED: Status = Status(0xB006);
    pub const STORED_DATA_SET_DOES_NOT_MATCH: Status = Status(0xB007);

    // PS3.4 CC.2: unified procedure step.
    pub const UPS_MAY_NO_LONGER_BE_UPDATED: Status = Status(0xC300);
    pub const UPS_WRONG_TRANSACTION_UID: Status = Status(0xC301);
    pub const UPS_ALREADY_IN_PROGRESS: Status = Status(0xC302);
    pub const UPS_MAY_ONLY_BECOME_SCHEDULED_BY_CREATE: Status = Status(0xC303);
    pub const UPS_FINAL_STATE_REQUIREMENTS_NOT_MET: Status = Status(0xC304);
    pub const UPS_NO_SUCH_INSTANCE: Status = Status(0xC307);
    pub const UPS_RECEIVING_AE_UNKNOWN: Status = Status(0xC308);
    pub const UPS_NOT_YET_IN_PROGRESS: Status = Status(0xC310);
    pub const UPS_ALREADY_COMPLETED: Status = Status(0xC311);
    /// A warning: it is already CANCELED.
    pub const UPS_ALREADY_CANCELED_AS_REQUESTED: Status = Status(0xB304);
    /// A warning: it is already COMPLETED.
    pub const UPS_ALREADY_COMPLETED_AS_REQUESTED: Status = Status(0xB306);

    pub const fn class(self) -> StatusClass {
        match self.0 {
            0x0000 => StatusClass::Success,
            0xFF00 | 0xFF01 => StatusClass::Pending,
            0xFE00 => StatusClass::Cancel,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => StatusClass::Warning,
            _ => StatusClass::Failure,
        }
    }

    pub fn is_pending(self) -> bool {
        self.class() == StatusClass::Pending
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}
