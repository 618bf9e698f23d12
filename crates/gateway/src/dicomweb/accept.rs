//! What a client takes: media types and transfer syntaxes of Accept (PS3.18 8.7.4, 8.7.3.5), and how an image of ours answers to it.

use super::parts::media_type;
use axum::http::{HeaderMap, header};
use badiano_dicom::json;
use badiano_dicom::pixel::{self, ImageInfo, PixelError};
use badiano_kernel::Fault;
use badiano_record::imaging::ArchivedInstance;

/// The Accept header.
pub struct Accepts(String);

impl Accepts {
    pub fn of(headers: &HeaderMap) -> Accepts {
        let all = headers.get_all(header::ACCEPT).iter().filter_map(|h| h.to_str().ok());
        Accepts(all.collect::<Vec<_>>().join(", "))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn names(&self, what: &str) -> bool {
        self.0.contains(what)
    }

    /// The transfer syntaxes that are named, in their order; `*` is any.
    fn syntaxes(&self) -> Vec<&str> {
        let named = self.0.split("transfer-syntax=").skip(1);
        named.filter_map(|rest| rest.split([';', ',', ' ']).next()).map(|uid| uid.trim_matches('"')).collect()
    }

    /// The transfer syntax that an object is to be given in; inside, nothing where it goes as it is stored. Nothing at all
    /// where the client takes none in which it can be given.
    pub fn syntax_for(&self, instance: &ArchivedInstance) -> Option<Option<String>> {
        let named = self.syntaxes();
        if named.is_empty() || named.iter().any(|s| *s == "*" || *s == instance.transfer_syntax) {
            return Some(None);
        }
        let outgoing = instance.outgoing();
        let can = outgoing.syntaxes();
        named.into_iter().find(|s| can.contains(s)).map(|s| Some(s.to_owned()))
    }

    /// Whether a client takes frames of this object as native pixels only, though they are compressed and can be expanded.
    pub fn wants_native(&self, instance: &ArchivedInstance) -> bool {
        let own = instance.transfer_syntax.as_str();
        let takes_own = self.names(media_type(own)) && media_type(own) != "application/octet-stream";
        let any = self.names("*/*") || self.syntaxes().iter().any(|s| *s == "*" || *s == own);
        pixel::is_expandable(own) && self.names("application/octet-stream") && !takes_own && !any
    }
}

/// The image of a frame (from 0), as the metadata of its object say.
pub fn image_of(instance: &ArchivedInstance, frame: usize) -> Result<ImageInfo, Fault> {
    let parsed = json::parse(&instance.metadata()?).map_err(|e| Fault::bug(format!("kept metadata: {e}")))?;
    let parsed = parsed.into_iter().next().ok_or_else(|| Fault::bug("kept metadata is empty"))?;
    ImageInfo::of(&parsed.dataset, frame).map_err(of_pixels)
}

pub fn of_pixels(error: PixelError) -> Fault {
    match error {
        PixelError::Unsupported(_) => Fault::not_supported(error.to_string()),
        PixelError::TooLarge => Fault::too_costly(error.to_string()),
        PixelError::Attribute(_) | PixelError::Corrupt(_) => Fault::invalid(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfer_syntaxes_are_read_bare_and_in_quotes() {
        for (said, named) in [
            ("multipart/related; type=\"application/dicom\"; transfer-syntax=*", vec!["*"]),
            ("application/dicom; transfer-syntax=1.2.840.10008.1.2.1;q=1, */*", vec!["1.2.840.10008.1.2.1"]),
            ("a/b; transfer-syntax=\"1.2\", c/d; transfer-syntax=1.3", vec!["1.2", "1.3"]),
            ("application/dicom", vec![]),
        ] {
            assert_eq!(Accepts(said.to_owned()).syntaxes(), named, "{said}");
        }
    }
}
