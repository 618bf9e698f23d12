//! Studies as a medium in a ZIP archive (IHE RAD PDI, PS3.10 section 8): objects, DICOMDIR, and a page that any browser shows.

use super::export_page::Page;
use super::parts::respond;
use super::rendered::draw;
use super::zip::Zip;
use crate::caller::Caller;
use crate::fhir_rest::form::pairs;
use crate::reply::Refusal;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use badiano_dicom::dataset::DataSet;
use badiano_dicom::deidentify::Keep;
use badiano_dicom::directory::Directory;
use badiano_dicom::json;
use badiano_dicom::pixel::View;
use badiano_kernel::{Fault, FaultKind};
use badiano_record::Session;
use badiano_record::imaging::ArchivedInstance;
use bytes::Bytes;
use futures_util::stream;
use std::collections::BTreeSet;
use tokio::sync::mpsc::Sender;

/// Bytes of an object that are in memory at a time.
const CHUNK: usize = 512 << 10;
/// Pieces that are read ahead of a client.
const AHEAD: usize = 2;
/// Pictures of the page; of larger exports it shows every so many objects.
const PICTURES_MAX: usize = 300;
const PICTURE_SIDE: u32 = 768;
/// In the folder that the profile keeps for what is no DICOM object.
const PICTURES: &str = "IHE_PDI";

const README: &str = "\
Este medio contiene im\u{e1}genes m\u{e9}dicas en formato DICOM (archivo DICOMDIR y carpeta DICOM), conforme a IHE PDI.\r\n\
Abra INDEX.HTM en un navegador para verlas; no es un visor para diagn\u{f3}stico.\r\n\
Contiene datos personales sensibles: gu\u{e1}rdelo como tal.\r\n\r\n\
This medium holds medical images in DICOM format (file DICOMDIR and folder DICOM), as IHE PDI says.\r\n\
Open INDEX.HTM in a browser to look at them; it is no viewer for diagnosis.\r\n\
It holds sensitive personal data: keep it as such.\r\n";

/// What is asked for.
struct Asked {
    studies: Vec<String>,
    /// Without who the person is, and what stays.
    anonymous: Option<Vec<Keep>>,
}

/// `GET /api/export?study=UID&study=UID[&deidentify=true&keep=modified-dates,device]`
pub async fn export(caller: Caller, RawQuery(query): RawQuery) -> Result<Response, Refusal> {
    let asked = asked(&query.unwrap_or_default()).map_err(Refusal::page)?;
    answer(caller.session(), asked).await.map_err(Refusal::page)
}

/// A study that is asked for as `application/zip` (PS3.18 8.7.3.6).
pub(super) async fn study(session: Session, study: String) -> Result<Response, Fault> {
    answer(session, Asked { studies: vec![study], anonymous: None }).await
}

fn asked(query: &str) -> Result<Asked, Fault> {
    let (mut studies, mut keep, mut is_anonymous) = (BTreeSet::new(), Vec::new(), false);
    for (name, value) in pairs(query) {
        match name.as_str() {
            "study" => {
                studies.insert(value);
            }
            "deidentify" => is_anonymous = value == "true",
            "keep" => {
                for option in value.split(',').filter(|o| !o.is_empty()) {
                    let unknown = || Fault::invalid("an option that is not offered").at("keep");
                    keep.push(Keep::parse(option).ok_or_else(unknown)?);
                }
            }
            _ => return Err(Fault::invalid("a parameter that is not known: study, deidentify, keep")),
        }
    }
    if !is_anonymous && !keep.is_empty() {
        return Err(Fault::invalid("keep goes with deidentify=true").at("keep"));
    }
    Ok(Asked { studies: studies.into_iter().collect(), anonymous: is_anonymous.then_some(keep) })
}

async fn answer(session: Session, asked: Asked) -> Result<Response, Fault> {
    let how = if asked.anonymous.is_some() { "de-identified" } else { "whole" };
    let found = session.exported(&asked.studies, how).await?;
    let (ready, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, Fault>>(AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut medium = Medium { session, zip: Zip::default(), ready, directory: Directory::new() };
        if let Err(fault) = medium.write(&found, asked.anonymous.as_deref()) {
            // The archive has no end then, and no reader takes it for whole.
            let _ = medium.ready.blocking_send(Err(fault));
        }
    });
    let body = Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        let next = pieces.recv().await?;
        Some((next, pieces))
    }));
    let mut response = respond("application/zip", body);
    let named = HeaderValue::from_static("attachment; filename=\"estudios.zip\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
    Ok(response)
}

/// A medium on its way; memory holds its index and a few pieces.
struct Medium {
    session: Session,
    zip: Zip,
    ready: Sender<Result<Bytes, Fault>>,
    directory: Directory,
}

impl Medium {
    fn write(&mut self, found: &[ArchivedInstance], anonymous: Option<&[Keep]>) -> Result<(), Fault> {
        let (mut page, mut held) = (Page::default(), 0_u64);
        let with_pixels = found.iter().filter(|i| i.frames > 0).count();
        let step = with_pixels.div_ceil(PICTURES_MAX).max(1);
        let mut drawn = 0;
        for instance in found {
            let object = match anonymous {
                None => self.whole(instance)?,
                Some(keep) => match self.anonymous(instance, keep) {
                    Err(fault) if fault.kind == FaultKind::NotSupported => {
                        held += 1;
                        continue;
                    }
                    object => object?,
                },
            };
            let mut picture = None;
            if instance.frames > 0 {
                if drawn % step == 0 {
                    picture = self.picture(instance, drawn)?;
                }
                drawn += 1;
            }
            page.add(&object, picture);
        }
        let index = self.directory.write("BADIANO", &new_uid());
        self.file("DICOMDIR", &index)?;
        self.file("INDEX.HTM", page.html(anonymous.is_some(), step).as_bytes())?;
        let mut readme = README.to_owned();
        if held > 0 {
            readme.push_str(&format!(
                "\r\n{held} objetos no est\u{e1}n: no se pudo quitar de ellos qui\u{e9}n es la persona. / \
                 {held} objects are not here: who the person is could not be taken out of them.\r\n"
            ));
        }
        self.file("README.TXT", readme.as_bytes())?;
        let end = std::mem::take(&mut self.zip).close();
        self.send(end)
    }

    /// An object as it is stored.
    fn whole(&mut self, instance: &ArchivedInstance) -> Result<DataSet, Fault> {
        let parsed =
            json::parse(&instance.metadata()?).map_err(|e| Fault::bug(format!("kept metadata: {e}")))?;
        let object = parsed.into_iter().next().map(|p| p.dataset).unwrap_or_default();
        let name = self.place(&object, instance, &instance.sop);
        let head = self.zip.begin(&name, instance.length);
        self.send(head)?;
        let mut reader = self.session.open_image(instance)?;
        let mut at = 0;
        while at < instance.length {
            let bytes = reader.read_range(at, CHUNK)?;
            at += bytes.len() as u64;
            self.take(&bytes)?;
        }
        self.end()?;
        Ok(object)
    }

    fn anonymous(&mut self, instance: &ArchivedInstance, keep: &[Keep]) -> Result<DataSet, Fault> {
        let mut object = self.session.open_anonymous(instance, keep)?;
        let name = self.place(&object.dataset, instance, &object.sop);
        let head = self.zip.begin(&name, object.bytes.length());
        self.send(head)?;
        loop {
            let (bytes, last) = object.bytes.next_bytes()?;
            self.take(&bytes)?;
            if last {
                break;
            }
        }
        self.end()?;
        Ok(object.dataset)
    }

    /// The name of an object's file, which the index knows from now on.
    fn place(&mut self, object: &DataSet, instance: &ArchivedInstance, sop: &str) -> String {
        self.directory.add(object, &instance.sop_class, sop, &instance.transfer_syntax).join("/")
    }

    /// A picture for the page; nothing where pixels cannot be shown.
    fn picture(&mut self, instance: &ArchivedInstance, number: usize) -> Result<Option<String>, Fault> {
        let view = View { viewport: Some((PICTURE_SIDE, PICTURE_SIDE)), ..View::default() };
        let Ok(bytes) = draw(&self.session, instance, instance.frames.div_ceil(2), view, false) else {
            return Ok(None);
        };
        let name = format!("{PICTURES}/IM{number:06}.JPG");
        self.file(&name, &bytes)?;
        Ok(Some(name))
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Fault> {
        let head = self.zip.begin(name, bytes.len() as u64);
        self.send(head)?;
        self.take(bytes)?;
        self.end()
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let packed = self.zip.bytes(bytes);
        self.send(packed)
    }

    fn end(&mut self) -> Result<(), Fault> {
        let end = self.zip.end();
        self.send(end)
    }

    fn send(&self, bytes: Vec<u8>) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let gone = |_| Fault::unavailable("the client takes no more");
        self.ready.blocking_send(Ok(Bytes::from(bytes))).map_err(gone)
    }
}

/// A UID derived from a UUID (PS3.5 B.2).
fn new_uid() -> String {
    format!("2.25.{}", u128::from_be_bytes(badiano_kernel::id::random_bytes()))
}
