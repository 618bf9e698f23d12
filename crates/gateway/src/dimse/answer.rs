//! A fault as a DIMSE status (PS3.7 annex C, PS3.4 B.2.3), and data sets on their way out.

use badiano_dicom::dataset::DataSet;
use badiano_dicom::dictionary::Coding;
use badiano_dicom::dimse::{Operation, Provider, Request, Response, SendRefused, Status};
use badiano_dicom::part10::coding_of;
use badiano_kernel::{Fault, FaultKind};

/// The one map of faults to statuses.
pub fn status_of(operation: Operation, fault: &Fault) -> Status {
    match (fault.kind, operation) {
        (FaultKind::Invalid, Operation::CStore) => Status::CANNOT_UNDERSTAND,
        (FaultKind::Conflict | FaultKind::Unmet, Operation::CStore) => Status::DATA_SET_DOES_NOT_MATCH,
        (FaultKind::TooCostly, Operation::CMove | Operation::CGet) => Status::OUT_OF_RESOURCES_MATCHES,
        (FaultKind::Unavailable | FaultKind::TooCostly, _) => Status::OUT_OF_RESOURCES,
        (FaultKind::Invalid, Operation::CFind | Operation::CMove | Operation::CGet) => {
            Status::DATA_SET_DOES_NOT_MATCH
        }
        (FaultKind::Invalid, _) => Status::INVALID_ATTRIBUTE_VALUE,
        (FaultKind::NotFound, _) => Status::NO_SUCH_SOP_INSTANCE,
        (FaultKind::Conflict, Operation::NCreate) => Status::DUPLICATE_SOP_INSTANCE,
        (FaultKind::Conflict | FaultKind::Unmet | FaultKind::Bug, _) => Status::PROCESSING_FAILURE,
        (FaultKind::Forbidden | FaultKind::Unauthenticated, _) => Status::NOT_AUTHORIZED,
        (FaultKind::NotSupported, _) => Status::SOP_CLASS_NOT_SUPPORTED,
    }
}

/// A failure with its sentence, cut to what the element holds by the encoder.
pub fn failure(request: &Request, fault: &Fault) -> Response {
    if fault.kind == FaultKind::Bug {
        tracing::error!(%fault, "our own mistake");
    }
    Response::to(request, status_of(request.operation(), fault)).with_comment(fault.text.clone())
}

/// A response with its data set, in the transfer syntax of its context.
pub fn respond_with(
    provider: &mut Provider,
    context: u8,
    response: Response,
    set: &DataSet,
) -> Result<(), SendRefused> {
    let coding = coding(provider, context);
    provider.respond(context, response, true)?;
    provider.data(&set.write(coding), true)
}

/// How data sets of a context are encoded.
pub fn coding(provider: &Provider, context: u8) -> Coding {
    let agreed = provider.context(context).and_then(|c| coding_of(c.transfer_syntax.as_str()));
    agreed.unwrap_or(Coding::ImplicitLittle)
}
