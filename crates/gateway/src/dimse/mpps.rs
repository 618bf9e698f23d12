//! Modality Performed Procedure Step as SCP: N-CREATE and N-SET (PS3.4 annex F.7).

use super::answer;
use super::rim::Association;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::dimse::{Operation, Parameters, Request, Response, SendRefused, Status};
use badiano_dicom::{json, tags};
use badiano_kernel::Fault;
use badiano_kernel::id::Uid;
use badiano_record::orders::PerformedStep;

pub(super) async fn perform(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<(), SendRefused> {
    let done = take(association, context, request, bytes).await;
    let response = match done {
        Ok(uid) => Response::to(request, Status::SUCCESS).with_instance(uid),
        Err(fault)
            if request.operation() == Operation::NSet && fault.text.contains("no longer be updated") =>
        {
            // PS3.4 F.7.2.2.2: Performed Procedure Step Object may no longer be updated.
            Response::to(request, Status::PROCESSING_FAILURE).with_comment(fault.text)
        }
        Err(fault) => answer::failure(request, &fault),
    };
    association.provider.respond(context, response, false)
}

async fn take(
    association: &mut Association,
    context: u8,
    request: &Request,
    bytes: &[u8],
) -> Result<Uid, Fault> {
    let unreadable = |_| Fault::invalid("the data set cannot be read");
    let set = DataSet::read(bytes, answer::coding(&association.provider, context)).map_err(unreadable)?;
    let session = association.session()?;
    let text = |tag| set.text(tag).unwrap_or_default();
    let (uid, begins) = match &request.parameters {
        Parameters::NCreate { sop_instance } => (sop_instance.clone().unwrap_or_else(Uid::random), true),
        Parameters::NSet { sop_instance } => (sop_instance.clone(), false),
        _ => return Err(Fault::bug("only N-CREATE and N-SET come here")),
    };
    let known = if begins { None } else { session.performed_step(uid.as_str())? };
    let status = match text(tags::PERFORMED_PROCEDURE_STEP_STATUS) {
        given if !given.is_empty() => given,
        _ => known.map(|k| k.status).unwrap_or_default(),
    };
    if begins && status != "IN PROGRESS" {
        return Err(Fault::invalid("a performed step begins IN PROGRESS").at("(0040,0252)"));
    }
    let steps = set.items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE);
    let accessions = steps.iter().filter_map(|s| s.text(tags::ACCESSION_NUMBER)).collect();
    let study_uid = steps.iter().find_map(|s| s.text(tags::STUDY_INSTANCE_UID)).unwrap_or_default();
    let performed = PerformedStep {
        uid: uid.as_str().to_owned(),
        status,
        accessions,
        study_uid,
        dataset: json::print_all(std::slice::from_ref(&set)),
    };
    session.perform_step(performed, begins).await?;
    Ok(uid)
}
