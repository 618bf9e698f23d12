//! Rendered resources and thumbnails (PS3.18 section 8.3.5, 10.4.1.1.3): JPEG or PNG of 8 bits.

use super::accept::{image_of, of_pixels};
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use crate::reply::Refusal;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use badiano_dicom::pixel::{self, View, Window, WindowFunction, decode_frame};
use badiano_kernel::Fault;
use badiano_record::Session;
use badiano_record::imaging::ArchivedInstance;

/// Side of a thumbnail in pixels.
const THUMBNAIL: u32 = 128;
const QUALITY: u8 = 90;

type Three = Path<(String, String, String)>;

pub async fn study(
    caller: Caller,
    Path(study): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = first(session.archived(&study, None))?;
    answer(session, found, 1, asked(query)?, &headers).await
}

pub async fn study_thumbnail(
    caller: Caller,
    Path(study): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = first(session.archived(&study, None))?;
    answer(session, found, 1, small(), &headers).await
}

pub async fn series(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = first(session.archived(&study, Some(&series)))?;
    answer(session, found, 1, asked(query)?, &headers).await
}

pub async fn series_thumbnail(
    caller: Caller,
    Path((study, series)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = first(session.archived(&study, Some(&series)))?;
    answer(session, found, 1, small(), &headers).await
}

pub async fn instance(
    caller: Caller,
    Path((study, series, sop)): Three,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    answer(session, found, 1, asked(query)?, &headers).await
}

pub async fn instance_thumbnail(
    caller: Caller,
    Path((study, series, sop)): Three,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    answer(session, found, 1, small(), &headers).await
}

pub async fn frame(
    caller: Caller,
    Path((study, series, sop, frame)): Path<(String, String, String, usize)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = caller.session();
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    answer(session, found, frame, asked(query)?, &headers).await
}

/// The one in the middle stands for a study or series: the first slice of a CT shows little.
fn first(found: Result<Vec<ArchivedInstance>, Fault>) -> Result<ArchivedInstance, Refusal> {
    let mut with_pixels: Vec<ArchivedInstance> =
        found.map_err(Refusal::dicomweb)?.into_iter().filter(|i| i.frames > 0).collect();
    if with_pixels.is_empty() {
        return Err(Refusal::dicomweb(Fault::not_found("nothing here has pixels")));
    }
    Ok(with_pixels.swap_remove(with_pixels.len() / 2))
}

fn small() -> View {
    View { viewport: Some((THUMBNAIL, THUMBNAIL)), ..View::default() }
}

/// `window=center,width,function` and `viewport=width,height` (PS3.18 8.3.5.1).
fn asked(query: Option<String>) -> Result<View, Refusal> {
    let bad = |what: &str| Refusal::dicomweb(Fault::invalid(format!("{what} cannot be read")));
    let mut view = View::default();
    for (key, value) in pairs(&query.unwrap_or_default()) {
        let parts: Vec<&str> = value.split(',').collect();
        match (key.as_str(), parts.as_slice()) {
            ("viewport", [width, height, ..]) => {
                let side = |s: &str| s.trim().parse::<u32>().ok().filter(|n| (1..=16_384).contains(n));
                view.viewport = Some((
                    side(width).ok_or_else(|| bad("viewport"))?,
                    side(height).ok_or_else(|| bad("viewport"))?,
                ));
            }
            ("window", [center, width, function]) => {
                let number = |s: &str| s.trim().parse::<f64>().ok().filter(|n| n.is_finite());
                let function = match *function {
                    "linear" => WindowFunction::Linear,
                    "linear-exact" => WindowFunction::LinearExact,
                    "sigmoid" => WindowFunction::Sigmoid,
                    _ => return Err(bad("window")),
                };
                let (center, width) = (
                    number(center).ok_or_else(|| bad("window"))?,
                    number(width).ok_or_else(|| bad("window"))?,
                );
                view.window = Some(Window { center, width, function });
            }
            ("window" | "viewport", _) => return Err(bad(&key)),
            _ => {}
        }
    }
    Ok(view)
}

pub(super) async fn answer(
    session: Session,
    instance: ArchivedInstance,
    number: usize,
    view: View,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let accept = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let png = accept.contains("image/png") && !accept.contains("image/jpeg");
    let work = tokio::task::spawn_blocking(move || draw(&session, &instance, number, view, png));
    let bytes = work.await.map_err(|_| Refusal::dicomweb(Fault::bug("drawing ended abruptly")))?;
    let bytes = bytes.map_err(Refusal::dicomweb)?;
    let kind = if png { "image/png" } else { "image/jpeg" };
    let mut response =
        ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, no-cache")], bytes).into_response();
    // Eight bits, and lossy where JPEG: not for diagnosis.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-badiano-quality"), HeaderValue::from_static("no diagnostico"));
    Ok(response)
}

pub(super) fn draw(
    session: &Session,
    instance: &ArchivedInstance,
    number: usize,
    view: View,
    png: bool,
) -> Result<Vec<u8>, Fault> {
    let at = number.checked_sub(1).ok_or_else(|| Fault::not_found("frames are counted from 1"))?;
    let info = image_of(instance, at)?;
    let bytes = session.frame(instance, number)?;
    let frame = decode_frame(&info, &instance.transfer_syntax, &bytes, at).map_err(of_pixels)?;
    let picture = pixel::render(&info, &frame, &view);
    let drawn = if png { pixel::png(&picture) } else { pixel::jpeg(&picture, QUALITY) };
    drawn.map_err(of_pixels)
}
