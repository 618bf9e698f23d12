//! Photographs, pictures, video and documents taken in as objects of a patient, with their order and who brought them (IHE RAD
//! encapsulation of point-of-care captures is local policy; PS3.3 A.8, A.32, A.45).

use super::ArrivedInstance;
use super::scheduled::{put_patient, worklist_entry};
use crate::orders::{self, ScheduledStep, WorklistItem};
use crate::session::Session;
use badiano_dicom::charset::Charset;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::wrap::{Kind, Origin, Wrapped, wrap};
use badiano_dicom::{json, tags};
use badiano_fhir::Value;
use badiano_kernel::Fault;
use badiano_kernel::id::Uid;

/// Characters of a title or description.
const TITLE_MAX: usize = 64;

/// Whose the file is and what it shows. One of study, accession and patient is needed; those that are given must agree.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// A study that is here.
    pub study: String,
    /// Accession number of an order.
    pub accession: String,
    /// Id of the Patient.
    pub patient: String,
    pub title: String,
    pub origin: Origin,
}

/// What the object will belong to.
struct Place {
    study: String,
    patient: String,
    entry: Option<DataSet>,
    /// An object of the study that is here.
    like: Option<DataSet>,
    step: Option<ScheduledStep>,
}

impl Session {
    /// Makes a file into an object and keeps it. Not supported where the file is of no kind that is wrapped.
    pub async fn wrap_file(&self, bytes: Vec<u8>, about: &About) -> Result<(ArrivedInstance, Kind), Fault> {
        self.may_store_images()?;
        if about.title.chars().count() > TITLE_MAX {
            return Err(Fault::invalid("a title has at most 64 characters").at("title"));
        }
        let place = self.place_of(about)?;
        // Decides whether this person may be seen, and stands in the log.
        let patient = self.read("Patient", &place.patient)?.resource;
        let origin = about.origin;
        let work = tokio::task::spawn_blocking(move || wrap(bytes, origin));
        let wrapped = work.await.map_err(|_| Fault::bug("a wrapping ended abruptly"))?;
        let wrapped = wrapped.map_err(|e| Fault::not_supported(e.0))?;
        let (kind, sop_class, syntax) = (wrapped.kind, wrapped.sop_class, wrapped.transfer_syntax);
        let sop = Uid::random().as_str().to_owned();
        let set = self.around(&place, &patient, &wrapped, &sop, &about.title);
        let written = wrapped.write(&set);
        let mut receiving = self.receive_data_set(sop_class, &sop, syntax, "")?;
        receiving.belongs_to(&place.patient);
        receiving.feed(&written)?;
        let kept = receiving.finish_in(Some(&place.study)).await.map_err(|refused| refused.fault)?;
        Ok((kept, kind))
    }

    fn place_of(&self, about: &About) -> Result<Place, Fault> {
        let like = match about.study.is_empty() {
            true => None,
            false => Some(self.archived(&about.study, None)?.remove(0).metadata()?),
        };
        let like = like.and_then(|text| json::parse(&text).ok()?.into_iter().next()).map(|p| p.dataset);
        self.node().store().read(|view| {
            let of_study = match view.study_pat(&about.study)? {
                Some(pat) => crate::patient_index::key_of(view, pat)?.map(|k| k.id),
                None => None,
            };
            let step = orders::step_for(view, &about.study, &about.accession)?;
            if !about.accession.is_empty() && step.as_ref().is_none_or(|s| s.accession != about.accession) {
                return Err(Fault::not_found("no such order").at("accession"));
            }
            let said = (!about.patient.is_empty()).then(|| about.patient.clone());
            let named: Vec<String> =
                [of_study, step.as_ref().map(|s| s.patient.clone()), said].into_iter().flatten().collect();
            let Some(patient) = named.first().cloned() else {
                return Err(Fault::invalid("say the study, the accession number or the patient"));
            };
            if named.iter().any(|one| *one != patient) {
                return Err(Fault::conflict("study, order and patient are not of one person"));
            }
            let study = match (&about.study, &step) {
                (given, _) if !given.is_empty() => given.clone(),
                (_, Some(step)) => step.study_uid.clone(),
                (_, None) => Uid::random().as_str().to_owned(),
            };
            let person = view.get("Patient", &patient)?.map(|p| p.body);
            let entry = step
                .clone()
                .zip(person)
                .map(|(step, patient)| worklist_entry(&WorklistItem { step, patient }));
            Ok(Place { study, patient, entry, like, step })
        })
    }

    /// Everything but the file: patient, study, series, author (PS3.3 C.7).
    fn around(&self, place: &Place, patient: &Value, file: &Wrapped, sop: &str, title: &str) -> DataSet {
        let now = self.now().to_compact_in(&self.node().settings().zone);
        let (date, time) = now.split_at_checked(8).unwrap_or((&now, ""));
        let mut set = DataSet::new();
        set.set_charset(&Charset::utf8());
        put_patient(&mut set, patient);
        for (tag, text) in [(tags::STUDY_DATE, date), (tags::STUDY_TIME, time), (tags::STUDY_ID, "")] {
            set.set_text(tag, text);
        }
        let copied = [
            tags::PATIENT_NAME,
            tags::PATIENT_ID,
            tags::ISSUER_OF_PATIENT_ID,
            tags::PATIENT_BIRTH_DATE,
            tags::PATIENT_SEX,
            tags::STUDY_DATE,
            tags::STUDY_TIME,
            tags::STUDY_ID,
            tags::STUDY_DESCRIPTION,
            tags::ACCESSION_NUMBER,
            tags::REFERRING_PHYSICIAN_NAME,
        ];
        // A study speaks with one voice: what it says already stays.
        for from in [place.entry.as_ref(), place.like.as_ref()].into_iter().flatten() {
            for tag in copied.iter().filter(|tag| from.contains(**tag)) {
                set.set_text(*tag, &from.texts(*tag).join("\\"));
            }
        }
        for tag in [tags::ACCESSION_NUMBER, tags::REFERRING_PHYSICIAN_NAME] {
            if !set.contains(tag) {
                set.set_text(tag, "");
            }
        }
        if let (None, Some(step)) = (&place.like, &place.step) {
            set.set_text(
                tags::STUDY_DESCRIPTION,
                &step.description.chars().take(TITLE_MAX).collect::<String>(),
            );
        }
        let author = self.principal().to_string().replace(['^', '=', '\\'], " ");
        for (tag, text) in [
            (tags::SOP_INSTANCE_UID, sop),
            (tags::STUDY_INSTANCE_UID, &place.study),
            (tags::SERIES_INSTANCE_UID, Uid::random().as_str()),
            (tags::SERIES_NUMBER, ""),
            (tags::INSTANCE_NUMBER, "1"),
            (tags::INSTANCE_CREATION_DATE, date),
            (tags::INSTANCE_CREATION_TIME, time),
            (tags::CONTENT_DATE, date),
            (tags::CONTENT_TIME, time),
            (tags::MANUFACTURER, "Badiano"),
            (tags::INSTITUTION_NAME, &self.node().settings().name),
            (tags::OPERATORS_NAME, &author),
            (tags::SERIES_DESCRIPTION, title),
            (tags::CONVERSION_TYPE, "WSD"),
        ] {
            set.set_text(tag, text);
        }
        if file.is_picture() {
            set.set_text(tags::IMAGE_TYPE, "ORIGINAL\\PRIMARY");
            set.set_text(tags::PATIENT_ORIENTATION, "");
            set.set_text(tags::LATERALITY, "");
            set.set_text(tags::BURNED_IN_ANNOTATION, "YES");
            set.set_items(tags::ACQUISITION_CONTEXT_SEQUENCE, Vec::new());
        } else {
            set.set_text(tags::ACQUISITION_DATE_TIME, "");
            set.set_text(tags::DOCUMENT_TITLE, title);
            set.set_items(tags::CONCEPT_NAME_CODE_SEQUENCE, Vec::new());
        }
        set
    }
}
