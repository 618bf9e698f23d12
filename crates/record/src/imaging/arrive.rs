//! An object arrives: streamed to storage, its header read on the way, and everything about it written in one commit (house, invariant 1).

use super::attributes;
use super::overlay::Corrected;
use super::{rejection, routing};
use crate::access::{self, Action};
use crate::audit::Act;
use crate::class::DataClass;
use crate::ledger::{self, ArrivedObject};
use crate::orders;
use crate::patient_index;
use crate::resources::Writer;
use crate::session::Session;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::part10::{Header, Parser, write_file_meta};
use badiano_dicom::{json, tags};
use badiano_kernel::id::Uid;
use badiano_kernel::{Fault, Instant};
use badiano_store::{Arrival, BlobWriter, InstanceRow, Metadata, Overlay, Tx, View, pat_of};

/// What was stored, for the answer of the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedInstance {
    pub study: String,
    pub series: String,
    pub sop: String,
    pub sop_class: String,
    /// It was there already; nothing was changed.
    pub duplicate: bool,
    /// What was read leniently.
    pub issues: Vec<String>,
}

/// What was refused, and which object it was as far as was read.
#[derive(Debug, Clone)]
pub struct NotStored {
    pub fault: Fault,
    /// Empty where it is not known.
    pub sop_class: String,
    pub sop: String,
}

impl NotStored {
    /// Nothing was read of it.
    pub fn unread(fault: Fault) -> NotStored {
        NotStored { fault, sop_class: String::new(), sop: String::new() }
    }

    /// The object that a header names; the fault is to be told.
    pub(super) fn of(header: &DataSet) -> NotStored {
        let uid = |tag| Uid::parse_lenient(&header.text(tag).unwrap_or_default());
        let uid = |tag| uid(tag).map(|uid| uid.as_str().to_owned()).unwrap_or_default();
        let fault = Fault::bug("nothing was said of an object that was not stored");
        NotStored { fault, sop_class: uid(tags::SOP_CLASS_UID), sop: uid(tags::SOP_INSTANCE_UID) }
    }
}

/// An object whose last byte has come.
struct Whole {
    session: Session,
    blob: BlobWriter,
    header: Header,
    announced: Option<(String, String)>,
    source_aet: String,
    patient: Option<String>,
}

/// An object on its way in. Dropped before the end, it leaves nothing but space that is reused.
pub struct Receiving {
    session: Session,
    blob: BlobWriter,
    parser: Parser,
    announced: Option<(String, String)>,
    /// AE title, where one sent it.
    source_aet: String,
    /// Whose it is, where that was decided before.
    patient: Option<String>,
}

impl Session {
    /// A data set as C-STORE brings it: kept as a Part 10 file, its bytes untouched.
    pub fn receive_data_set(
        &self,
        sop_class: &str,
        sop_instance: &str,
        transfer_syntax: &str,
        source_aet: &str,
    ) -> Result<Receiving, Fault> {
        let meta = write_file_meta(sop_class, sop_instance, transfer_syntax, source_aet);
        let parser = Parser::data_set(transfer_syntax, meta.len() as u64).map_err(unreadable)?;
        let mut receiving = self.receiving(parser)?;
        receiving.blob.write(&meta)?;
        receiving.announced = Some((sop_class.to_owned(), sop_instance.to_owned()));
        source_aet.clone_into(&mut receiving.source_aet);
        Ok(receiving)
    }

    /// A whole Part 10 file as STOW-RS brings it.
    pub fn receive_file(&self) -> Result<Receiving, Fault> {
        self.receiving(Parser::part10())
    }

    /// Whether this principal may bring images in.
    pub fn may_store_images(&self) -> Result<(), Fault> {
        let allowed = access::classes(self.principal(), self.purpose(), Action::Write);
        let scoped = access::scope_names(self.principal(), "ImagingStudy", Action::Write);
        if DataClass::Imaging.bit() & !allowed == 0 && scoped {
            return Ok(());
        }
        Err(Fault::forbidden("this principal may not store images"))
    }

    /// Whoever owns the machine brings in what an earlier archive left on its disks, and reads none of it.
    pub(super) fn may_bring(&self) -> Result<(), Fault> {
        if self.operates().is_ok() { Ok(()) } else { self.may_store_images() }
    }

    fn receiving(&self, parser: Parser) -> Result<Receiving, Fault> {
        self.may_bring()?;
        let blob = self.node().store().blob_writer()?;
        Ok(Receiving {
            session: self.clone(),
            blob,
            parser,
            announced: None,
            source_aet: String::new(),
            patient: None,
        })
    }
}

impl Receiving {
    /// The next bytes, in pieces of any size.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.parser.feed(bytes).map_err(unreadable)?;
        self.blob.write(bytes)
    }

    /// Whose the object is, where a person has said so; else its header says.
    pub(super) fn belongs_to(&mut self, patient: &str) {
        self.patient = Some(patient.to_owned());
    }

    /// All bytes are in: durable when this returns.
    pub async fn finish(self) -> Result<ArrivedInstance, Fault> {
        self.finish_in(None).await.map_err(|refused| refused.fault)
    }

    /// The same, for a door that names the study; an object of another study is refused.
    pub async fn finish_in(self, wanted: Option<&str>) -> Result<ArrivedInstance, NotStored> {
        let Receiving { session, blob, parser, announced, source_aet, patient } = self;
        let header = parser.finish().map_err(|error| NotStored::unread(unreadable(error)))?;
        let named = NotStored::of(&header.dataset);
        let whole = Whole { session, blob, header, announced, source_aet, patient };
        whole.keep(wanted).await.map_err(|fault| NotStored { fault, ..named })
    }
}

impl Whole {
    async fn keep(self, wanted: Option<&str>) -> Result<ArrivedInstance, Fault> {
        let header = self.header;
        let uid = |tag, what: &str| {
            let text = header.dataset.text(tag).unwrap_or_default();
            Uid::parse_lenient(&text).map_err(|_| Fault::invalid(format!("{what} is missing or is no UID")))
        };
        let study = uid(tags::STUDY_INSTANCE_UID, "Study Instance UID")?;
        if wanted.is_some_and(|w| w != study.as_str()) {
            return Err(Fault::conflict("the object belongs to another study than the address names"));
        }
        let series = uid(tags::SERIES_INSTANCE_UID, "Series Instance UID")?;
        let sop = uid(tags::SOP_INSTANCE_UID, "SOP Instance UID")?;
        let sop_class = uid(tags::SOP_CLASS_UID, "SOP Class UID")?;
        if let Some((class, instance)) = &self.announced
            && (class.trim_end_matches('\0') != sop_class.as_str()
                || instance.trim_end_matches('\0') != sop.as_str())
        {
            return Err(Fault::invalid("the data set is not the SOP instance that was announced"));
        }
        let (header, overlay) = corrected(&self.session, header, (&sop_class, &sop), &self.source_aet)?;
        let writer = self.session.writer();
        let row = InstanceRow {
            study: study.clone(),
            series: series.clone(),
            sop: sop.clone(),
            sop_class: sop_class.as_str().to_owned(),
            pat: 0,
            transfer_syntax: header.transfer_syntax.clone(),
            blob: self.blob.finish()?,
            metadata: Metadata::pack(metadata_of(&header, &study, &series, &sop).as_bytes())?,
            overlay,
            frames: frame_table(&header),
            attributes: attributes::of(&header.dataset),
            class: DataClass::Imaging.bit(),
            source: writer.observer.clone(),
            received: writer.now,
        };
        let issues = header.issues.clone();
        let dataset = header.dataset;
        let note = rejection::note_in(&row.sop_class, &dataset)?;
        let session = self.session.clone();
        let said = Said { dataset, note, patient: self.patient };
        let write = move |tx: &mut Tx<'_>| arrive(tx, &writer, row, &said, &session);
        let arrival = self.session.node().store().write(write).await?;
        Ok(ArrivedInstance {
            study: study.as_str().to_owned(),
            series: series.as_str().to_owned(),
            sop: sop.as_str().to_owned(),
            sop_class: sop_class.as_str().to_owned(),
            duplicate: arrival == Arrival::Duplicate,
            issues,
        })
    }
}

/// The header as the rules of the archive correct it, and how the object is then given.
fn corrected(
    session: &Session,
    mut header: Header,
    (sop_class, sop): (&Uid, &Uid),
    source_aet: &str,
) -> Result<(Header, Option<Overlay>), Fault> {
    let Some(coerced) = session.coerced(&header)? else { return Ok((header, None)) };
    let rules: Vec<String> = coerced.followed.iter().map(|f| format!("{} {}", f.rule, f.version)).collect();
    let rules = rules.join(", ");
    if coerced.followed.iter().all(|f| f.changed.is_empty()) {
        return Ok((header, None));
    }
    let Some(pieces) = coerced.pieces(&header) else {
        header.issues.push(format!("rules were not followed, the object is deflated: {rules}"));
        return Ok((header, None));
    };
    let meta = write_file_meta(sop_class.as_str(), sop.as_str(), &header.transfer_syntax, source_aet);
    let corrected = Corrected::new(&meta, &pieces, coerced.followed)?;
    for frame in &mut header.frames {
        let places = std::iter::once(&mut frame.offset).chain(frame.fragments.iter_mut().map(|(at, _)| at));
        for at in places {
            let outside = || Fault::bug("a frame lies outside of the pixels that go along");
            *at = corrected.place_of(*at).ok_or_else(outside)?;
        }
    }
    header.issues.push(format!("rules were followed: {rules}"));
    header.dataset = coerced.dataset;
    header.bulk = coerced.bulk;
    Ok((header, Some(corrected.pack()?)))
}

fn unreadable(error: badiano_dicom::part10::ParseError) -> Fault {
    Fault::invalid(format!("the object cannot be read: {error}"))
}

/// DICOM JSON as it is served: made once. Bulk data are named under [`super::BULK_BASE`].
fn metadata_of(header: &Header, study: &Uid, series: &Uid, sop: &Uid) -> String {
    let base = format!("{}/studies/{study}/series/{series}/instances/{sop}", super::BULK_BASE);
    json::print(&header.dataset, &header.bulk, &|bulk| {
        let path = bulk.path.to_string();
        if path == "7FE00010" { format!("{base}/frames") } else { format!("{base}/bulkdata/{path}") }
    })
}

/// Offset and length of each frame. For encapsulated pixels the span holds whole items, so that a frame of several fragments is one span.
fn frame_table(header: &Header) -> Vec<(u64, u64)> {
    let encapsulated = header.bulk.iter().any(|b| b.encapsulated);
    let span = |f: &badiano_dicom::part10::FrameSpan| {
        let pieces = f.pieces();
        let (first, last) = (pieces.first()?, pieces.last()?);
        if encapsulated {
            Some((first.0.checked_sub(8)?, last.0 + last.1 + 8 - first.0))
        } else {
            Some((f.offset, f.length))
        }
    };
    header.frames.iter().filter_map(span).collect()
}

/// What is known of an object besides its row.
struct Said {
    dataset: DataSet,
    note: Option<rejection::Note>,
    patient: Option<String>,
}

fn arrive(
    tx: &mut Tx<'_>,
    writer: &Writer,
    mut row: InstanceRow,
    said: &Said,
    session: &Session,
) -> Result<Arrival, Fault> {
    let dataset = &said.dataset;
    let aside = tx.aside(row.sop.as_str())?;
    if rejection::stays_out(tx, aside.as_ref())? {
        let of = aside.map_or(0, |a| a.pat);
        let patients: Vec<String> = patient_index::key_of(tx, of)?.map(|k| k.id).into_iter().collect();
        writer.leaf(tx, Act::Execute, "store-rejected", &patients, row.sop.as_str())?;
        return Ok(Arrival::Duplicate);
    }
    let study = row.study.as_str().to_owned();
    let text = |tag| dataset.text(tag).unwrap_or_default();
    let accession = text(tags::ACCESSION_NUMBER);
    let known = ledger::case_of(tx, &study)?.filter(ledger::Case::is_imaged);
    let (patient, unmatched) = match &known {
        Some(case) => (case.patient.clone(), case.unmatched),
        None => match settled(tx, &study)? {
            Some(patient) => (patient, false),
            None => match &said.patient {
                Some(patient) => (patient.clone(), false),
                None => whose(tx, writer, dataset, &study, &accession)?,
            },
        },
    };
    row.pat = pat_of(&patient);
    let (sop, is_image) = (row.sop.as_str().to_owned(), !row.frames.is_empty());
    let arrival = tx.put_instance(&row)?;
    if arrival == Arrival::Duplicate {
        writer.leaf(tx, Act::Execute, "store-instance", std::slice::from_ref(&patient), &sop)?;
        return Ok(arrival);
    }
    let order = match &known {
        Some(_) => None,
        None => orders::step_for(tx, &study, &accession)?.filter(|step| step.patient == patient),
    };
    let object = ArrivedObject {
        study_uid: study.clone(),
        patient: patient.clone(),
        unmatched,
        accession,
        modality: text(tags::MODALITY),
        description: text(tags::STUDY_DESCRIPTION),
        is_image,
    };
    ledger::follow_object(tx, writer, object, order.as_ref())?;
    mark_grown(tx, &study, writer.now)?;
    writer.leaf(tx, Act::Create, "store-instance", std::slice::from_ref(&patient), &sop)?;
    routing::route_object(tx, writer, session, dataset, (&study, &sop))?;
    match &said.note {
        Some(note) => rejection::follow(tx, writer, &|stub| session.sees(stub), note, &row, &patient)?,
        None => rejection::hide_awaited(tx, writer, &row, aside)?,
    }
    Ok(arrival)
}

/// The study's ImagingStudy resource is no longer up to date; a job brings it up.
fn mark_grown(tx: &mut Tx<'_>, study: &str, now: Instant) -> Result<(), Fault> {
    if tx.document("study-grown", study)?.is_none() {
        tx.replace_document("study-grown", study, now.micros.to_string().as_bytes(), now)?;
    }
    Ok(())
}

/// The patient of a study that has images already; later ones are theirs too.
fn settled(tx: &Tx<'_>, study: &str) -> Result<Option<String>, Fault> {
    let Some(pat) = tx.study_pat(study)? else { return Ok(None) };
    Ok(patient_index::key_of(tx, pat)?.map(|key| key.id))
}

/// Whose images these are: the order's patient when the object names that patient; else who bears the number; else a new, unmatched person.
fn whose(
    tx: &mut Tx<'_>,
    writer: &Writer,
    dataset: &DataSet,
    study: &str,
    accession: &str,
) -> Result<(String, bool), Fault> {
    let number = dataset.text(tags::PATIENT_ID).unwrap_or_default();
    if let Some(step) = orders::step_for(tx, study, accession)?
        && bears(tx, &step.patient, &number)?
    {
        return Ok((step.patient, false));
    }
    let issuer = dataset.text(tags::ISSUER_OF_PATIENT_ID).unwrap_or_default();
    let bearers = patient_index::bearers_of(tx, &number)?;
    if let ([one], true) = (bearers.as_slice(), issuer.is_empty()) {
        return Ok((one.clone(), false));
    }
    let system = attributes::patient_system(&issuer);
    if let Some(id) = patient_index::by_identifier(tx, &system, &number)? {
        return Ok((id, false));
    }
    let person = patient_index::register(tx, writer, attributes::patient_in(dataset))?;
    Ok((person.resource.id().to_owned(), true))
}

pub(super) fn bears(view: &View<'_>, patient: &str, number: &str) -> Result<bool, Fault> {
    let Some(patient) = view.get("Patient", patient)? else { return Ok(false) };
    Ok(patient.body["identifier"].items().iter().any(|i| i.str_of("value") == number))
}
