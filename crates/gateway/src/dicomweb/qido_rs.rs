//! QIDO-RS, search (PS3.18 section 10.6): studies, series and instances as DICOM JSON.

use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_dicom::dataset::DataSet;
use badiano_dicom::query::{Condition, Include, Level, parse_qido};
use badiano_dicom::{Tag, json, tags};
use badiano_kernel::Fault;
use badiano_record::imaging::FoundImage;

/// Matches in one answer; a client asks on with `offset`.
const LIMIT_MAX: usize = 1000;
const LIMIT_DEFAULT: usize = 100;
/// Matches in one answer that holds whole headers (`includefield=all` of instances).
const WHOLE_LIMIT_MAX: usize = 100;
/// What a page says that is not the last (PS3.18 8.3.4.4).
const MORE: &str = "299 badiano \"There are additional results that can be requested\"";

pub async fn studies(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    run(&caller, Level::Study, query, &[])
}

pub async fn all_series(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    run(&caller, Level::Series, query, &[])
}

pub async fn all_instances(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    run(&caller, Level::Instance, query, &[])
}

pub async fn series(
    caller: Caller,
    Path(study): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    run(&caller, Level::Series, query, &[(tags::STUDY_INSTANCE_UID, study)])
}

pub async fn study_instances(
    caller: Caller,
    Path(study): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    run(&caller, Level::Instance, query, &[(tags::STUDY_INSTANCE_UID, study)])
}

pub async fn series_instances(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    run(
        &caller,
        Level::Instance,
        query,
        &[(tags::STUDY_INSTANCE_UID, study), (tags::SERIES_INSTANCE_UID, series)],
    )
}

fn run(
    caller: &Caller,
    level: Level,
    query: Option<String>,
    within: &[(Tag, String)],
) -> Result<Response, Refusal> {
    let given = pairs(&query.unwrap_or_default());
    let (mut query, include) =
        parse_qido(&given, level).map_err(|e| Refusal::dicomweb(Fault::invalid(e.to_string())))?;
    for (tag, value) in within {
        query.conditions.retain(|(t, _)| t != tag);
        query.conditions.push((*tag, Condition::Single(value.clone())));
    }
    if !given.iter().any(|(k, _)| k == "limit") {
        query.limit = LIMIT_DEFAULT;
    }
    let whole = level == Level::Instance && include == Include::All;
    let wanted = query.limit.min(if whole { WHOLE_LIMIT_MAX } else { LIMIT_MAX });
    // One more than is shown says whether there is more.
    query.limit = wanted + 1;
    let mut found = caller.session().find_images(&query).map_err(Refusal::dicomweb)?;
    let more = found.len() > wanted;
    found.truncate(wanted);
    if found.is_empty() {
        return Ok((StatusCode::OK, [(header::CONTENT_TYPE, "application/dicom+json")], "[]").into_response());
    }
    let base = format!("{}/dicomweb", caller.gate.options.pages);
    let mut sets: Vec<DataSet> = found.iter().map(|f| answer_of(f, level, &base)).collect();
    if level == Level::Instance {
        complete(caller, &mut sets, &include)?;
    }
    let body = json::print_all(&sets);
    let mut answer =
        (StatusCode::OK, [(header::CONTENT_TYPE, "application/dicom+json")], body).into_response();
    if more {
        answer.headers_mut().insert(header::WARNING, HeaderValue::from_static(MORE));
    }
    Ok(answer)
}

/// Attributes of instances that are asked for and are not in the index, from the header as it came (PS3.18 8.3.4.3). Bulk
/// data are no part of an answer.
fn complete(caller: &Caller, sets: &mut [DataSet], include: &Include) -> Result<(), Refusal> {
    let wants = |set: &DataSet, tag: Tag| {
        !set.contains(tag)
            && match include {
                Include::All => true,
                Include::Tags(tags) => tags.contains(&tag),
            }
    };
    let lacks = |set: &DataSet| match include {
        Include::All => true,
        Include::Tags(tags) => tags.iter().any(|tag| !set.contains(*tag)),
    };
    let lacking: Vec<&mut DataSet> = sets.iter_mut().filter(|set| lacks(set)).collect();
    let sops: Vec<String> =
        lacking.iter().map(|set| set.text(tags::SOP_INSTANCE_UID).unwrap_or_default()).collect();
    let described = caller.session().described(&sops).map_err(Refusal::dicomweb)?;
    for (set, whole) in lacking.into_iter().zip(described) {
        let Some(whole) = whole else { continue };
        let parsed = json::parse(&whole)
            .map_err(|e| Refusal::dicomweb(Fault::bug(format!("metadata that were kept: {e}"))))?;
        for element in parsed.iter().flat_map(|p| &p.dataset) {
            if wants(set, element.tag) {
                set.put(element.clone());
            }
        }
    }
    Ok(())
}

/// Attributes of the answer (PS3.18 tables 10.6.3-3 to -5). All that the index keeps is given: clients ask for less at most.
fn answer_of(found: &FoundImage, level: Level, base: &str) -> DataSet {
    let mut set = DataSet::new();
    set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 192");
    for (number, text) in &found.attributes {
        let tag = Tag((number >> 16) as u16, (number & 0xFFFF) as u16);
        set.set_text(tag, text);
    }
    let text = |tag| set.text(tag).unwrap_or_default();
    let (study, series, sop) =
        (text(tags::STUDY_INSTANCE_UID), text(tags::SERIES_INSTANCE_UID), text(tags::SOP_INSTANCE_UID));
    let as_number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let url = match level {
        Level::Patient | Level::Study => {
            set.set_text(tags::MODALITIES_IN_STUDY, &found.modalities.join("\\"));
            set.set_text(tags::NUMBER_OF_STUDY_RELATED_SERIES, &as_number(found.series).to_string());
            set.set_text(tags::NUMBER_OF_STUDY_RELATED_INSTANCES, &as_number(found.instances).to_string());
            format!("{base}/studies/{study}")
        }
        Level::Series => {
            set.set_text(tags::NUMBER_OF_SERIES_RELATED_INSTANCES, &as_number(found.instances).to_string());
            format!("{base}/studies/{study}/series/{series}")
        }
        Level::Instance => format!("{base}/studies/{study}/series/{series}/instances/{sop}"),
    };
    set.set_text(tags::INSTANCE_AVAILABILITY, "ONLINE");
    set.set_text(tags::RETRIEVE_URL, &url);
    set
}
