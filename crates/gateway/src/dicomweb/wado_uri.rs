//! WADO-URI (PS3.18 section 9): one object by its UIDs in the query, as a DICOM file or rendered.

use super::rendered;
use super::wado_rs;
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use crate::reply::Refusal;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use badiano_dicom::pixel::{View, Window, WindowFunction};
use badiano_kernel::Fault;

/// A side of a picture.
const SIDE_MAX: u32 = 16_384;

pub async fn retrieve(
    caller: Caller,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = Asked(pairs(&query.unwrap_or_default()));
    let plan = asked.plan(&headers).map_err(Refusal::dicomweb)?;
    let session = caller.session();
    let [study, series, sop] = plan.uids;
    let found = session.archived_one(&study, &series, &sop).map_err(Refusal::dicomweb)?;
    match plan.form {
        Form::Dicom(syntax) => {
            let accept = match syntax {
                Some(uid) => format!("application/dicom; transfer-syntax={uid}"),
                None => "application/dicom".to_owned(),
            };
            let mut asked = headers.clone();
            let value = HeaderValue::from_str(&accept).map_err(|_| bad("transferSyntax"));
            asked.insert(header::ACCEPT, value.map_err(Refusal::dicomweb)?);
            Ok(wado_rs::objects(session, vec![found], &asked))
        }
        Form::Image(kind, view) => {
            if found.frames == 0 {
                let text = "the object has no pixels: ask for application/dicom";
                return Ok((StatusCode::NOT_ACCEPTABLE, text).into_response());
            }
            let mut asked = HeaderMap::new();
            asked.insert(header::ACCEPT, HeaderValue::from_static(kind));
            rendered::answer(session, found, plan.frame, view, &asked).await
        }
    }
}

enum Form {
    Dicom(Option<String>),
    Image(&'static str, View),
}

struct Plan {
    uids: [String; 3],
    form: Form,
    frame: usize,
}

struct Asked(Vec<(String, String)>);

fn bad(name: &str) -> Fault {
    Fault::invalid(format!("{name} is missing or cannot be read"))
}

impl Asked {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == name).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Fault> {
        self.text(name).map(|v| v.parse().map_err(|_| bad(name))).transpose()
    }

    fn plan(&self, headers: &HeaderMap) -> Result<Plan, Fault> {
        if self.text("requestType") != Some("WADO") {
            return Err(Fault::invalid("requestType must be WADO"));
        }
        if self.text("anonymize").is_some() {
            return Err(Fault::not_supported("objects are not de-identified on their way"));
        }
        if self.text("annotation").is_some() || self.text("region").is_some() {
            return Err(Fault::not_supported("annotation and region are not offered"));
        }
        let uid = |name: &str| self.text(name).map(str::to_owned).ok_or_else(|| bad(name));
        let uids = [uid("studyUID")?, uid("seriesUID")?, uid("objectUID")?];
        let accept = headers.get(header::ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
        let kinds = self.text("contentType").unwrap_or(accept);
        let form = if kinds.contains("application/dicom") {
            Form::Dicom(self.text("transferSyntax").map(str::to_owned))
        } else if kinds.contains("image/png") && !kinds.contains("image/jpeg") {
            Form::Image("image/png", self.view()?)
        } else if ["", "*/*", "image/*"].contains(&kinds)
            || kinds.contains("image/jpeg")
            || kinds.contains("*/*")
        {
            Form::Image("image/jpeg", self.view()?)
        } else {
            return Err(Fault::not_supported("contentType: application/dicom, image/jpeg or image/png"));
        };
        Ok(Plan { uids, form, frame: self.number("frameNumber")?.unwrap_or(1) })
    }

    fn view(&self) -> Result<View, Fault> {
        let side = |name: &str| {
            let side = self.number::<u32>(name)?;
            match side {
                Some(n) if !(1..=SIDE_MAX).contains(&n) => Err(bad(name)),
                side => Ok(side),
            }
        };
        let viewport = match (side("columns")?, side("rows")?) {
            (None, None) => None,
            (columns, rows) => Some((columns.unwrap_or(SIDE_MAX), rows.unwrap_or(SIDE_MAX))),
        };
        let numbers = (self.number::<f64>("windowCenter")?, self.number::<f64>("windowWidth")?);
        let window = match numbers {
            (None, None) => None,
            (Some(center), Some(width)) if center.is_finite() && width.is_finite() && width > 0.0 => {
                Some(Window { center, width, function: WindowFunction::Linear })
            }
            _ => return Err(Fault::invalid("windowCenter and windowWidth are given together, as numbers")),
        };
        Ok(View { viewport, window })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<Plan, Fault> {
        Asked(pairs(text)).plan(&HeaderMap::new())
    }

    const ONE: &str = "requestType=WADO&studyUID=1.2&seriesUID=1.3&objectUID=1.4";

    #[test]
    fn an_object_is_named_by_three_uids_and_rendered_unless_dicom_is_asked_for() {
        let plan = asked(ONE).expect("a plain request");
        assert_eq!(plan.uids, ["1.2", "1.3", "1.4"]);
        assert!(matches!(plan.form, Form::Image("image/jpeg", _)));
        let dicom = asked(&format!("{ONE}&contentType=application%2Fdicom&transferSyntax=1.2.840.10008.1.2"));
        assert!(matches!(dicom.expect("fair").form, Form::Dicom(Some(uid)) if uid == "1.2.840.10008.1.2"));
        let view = asked(&format!("{ONE}&rows=200&windowCenter=40&windowWidth=400&frameNumber=3"));
        let view = view.expect("fair");
        assert_eq!(view.frame, 3);
        let Form::Image(_, view) = view.form else { panic!("a picture") };
        assert_eq!(view.viewport, Some((SIDE_MAX, 200)));
        assert_eq!(view.window.map(|w| (w.center, w.width)), Some((40.0, 400.0)));
    }

    #[test]
    fn what_cannot_be_read_or_given_is_refused() {
        for text in [
            "studyUID=1.2&seriesUID=1.3&objectUID=1.4",
            "requestType=WADO&studyUID=1.2",
            &format!("{ONE}&rows=0"),
            &format!("{ONE}&rows=x"),
            &format!("{ONE}&windowCenter=40"),
            &format!("{ONE}&anonymize=yes"),
            &format!("{ONE}&contentType=video%2Fmp4"),
        ] {
            assert!(asked(text).is_err(), "{text}");
        }
    }
}
