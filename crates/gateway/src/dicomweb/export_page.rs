//! The page of a medium (IHE RAD PDI, web content): studies and series, each with its pictures, without a server and without other files.

use badiano_dicom::dataset::DataSet;
use badiano_dicom::{Tag, tags};

const HEAD: &str = "<!doctype html>\n<html lang=\"es-MX\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>Estudios</title><style>\
body{font:16px system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#15202b;background:#fbfaf6}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-top:1px solid #ccc;padding-top:1rem}\
figure{margin:1rem 0;background:#05080a;color:#eee;padding:.8rem;border-radius:8px}\
img{display:block;margin:auto;max-width:100%;max-height:75vh}input{width:100%}.note{background:#fff3cd;padding:.6rem 1rem}\
</style></head><body>";

const NOTICE: &str = "<p class=\"note\"><b>No es para diagn\u{f3}stico.</b> Las im\u{e1}genes completas est\u{e1}n en la carpeta DICOM. / \
<b>Not for diagnosis.</b> The whole images are in the folder DICOM.</p>";

/// Each slider shows one picture of its series.
const SCRIPT: &str = "<script>for(const s of document.querySelectorAll('input'))s.oninput=()=>{\
const f=s.parentElement,l=f.dataset.l.split(' ');f.querySelector('img').src=l[s.value];\
f.querySelector('output').textContent=(+s.value+1)+' / '+l.length}</script></body></html>\n";

#[derive(Default)]
pub struct Page {
    studies: Vec<Study>,
}

struct Study {
    uid: String,
    title: String,
    about: String,
    series: Vec<Series>,
}

struct Series {
    uid: String,
    title: String,
    objects: usize,
    pictures: Vec<String>,
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The values of some attributes that are there, escaped.
fn said(object: &DataSet, tags: &[Tag]) -> String {
    let all = tags.iter().filter_map(|tag| object.text(*tag));
    all.map(|t| escaped(&t.replace('^', " "))).collect::<Vec<_>>().join(" \u{b7} ")
}

impl Page {
    pub fn add(&mut self, object: &DataSet, picture: Option<String>) {
        let uid = |tag| object.uid(tag).unwrap_or_default();
        let (study, series) = (uid(tags::STUDY_INSTANCE_UID), uid(tags::SERIES_INSTANCE_UID));
        let at = self.studies.iter().position(|s| s.uid == study).unwrap_or_else(|| {
            self.studies.push(Study {
                uid: study,
                title: said(object, &[tags::PATIENT_NAME, tags::PATIENT_ID]),
                about: said(object, &[tags::STUDY_DATE, tags::STUDY_DESCRIPTION, tags::ACCESSION_NUMBER]),
                series: Vec::new(),
            });
            self.studies.len() - 1
        });
        let all = &mut self.studies[at].series;
        let at = all.iter().position(|s| s.uid == series).unwrap_or_else(|| {
            let title = said(object, &[tags::MODALITY, tags::SERIES_NUMBER, tags::SERIES_DESCRIPTION]);
            all.push(Series { uid: series, title, objects: 0, pictures: Vec::new() });
            all.len() - 1
        });
        all[at].objects += 1;
        all[at].pictures.extend(picture);
    }

    /// The page; of each so many objects, one is shown.
    pub fn html(&self, anonymous: bool, step: usize) -> String {
        let mut html = HEAD.to_owned();
        html.push_str("<h1>Estudios de imagen / Imaging studies</h1>");
        html.push_str(NOTICE);
        if anonymous {
            html.push_str(
                "<p>Sin datos que identifiquen a la persona (DICOM PS3.15, anexo E). / De-identified.</p>",
            );
        }
        if step > 1 {
            html.push_str(&format!(
                "<p>Se muestra una de cada {step} im\u{e1}genes. / One of {step} images is shown.</p>"
            ));
        }
        for study in &self.studies {
            html.push_str(&format!("<h2>{}</h2><p>{}</p>", study.title, study.about));
            study.series.iter().for_each(|s| html.push_str(&s.html()));
        }
        html.push_str(SCRIPT);
        html
    }
}

impl Series {
    fn html(&self) -> String {
        let (title, objects) = (&self.title, self.objects);
        let Some(first) = self.pictures.first() else {
            return format!("<p>{title} \u{b7} {objects} objetos / objects</p>");
        };
        let (list, count) = (self.pictures.join(" "), self.pictures.len());
        let slider = match count {
            1 => String::new(),
            _ => format!(
                "<input type=\"range\" min=\"0\" max=\"{}\" value=\"0\" aria-label=\"{title}\">",
                count - 1
            ),
        };
        format!(
            "<figure data-l=\"{list}\"><img src=\"{first}\" alt=\"{title}\">{slider}\
             <figcaption>{title} \u{b7} {objects} objetos / objects <output>1 / {count}</output></figcaption></figure>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_holds_is_no_markup() {
        let mut object = DataSet::new();
        object.set_text(tags::PATIENT_NAME, "<script>^\"&");
        object.set_text(tags::MODALITY, "CT");
        let mut page = Page::default();
        page.add(&object, Some("IHE_PDI/IM000000.JPG".to_owned()));
        let html = page.html(false, 1);
        assert!(html.contains("&lt;script&gt; &quot;&amp;"), "{html}");
        assert_eq!(html.matches("<script>").count(), 1, "only that of the page itself");
    }
}
