//! DICOM studies of synthetic persons: CT series, mammograms, MR series, multi-frame ultrasound, as Part 10 files (PS3.3 annex A).
//!
//! Instances are made one at a time, so a study of a thousand slices needs the memory of one.

mod modules;
pub mod part10;
mod pixels;

use crate::order::Order;
use crate::people::Person;
use crate::rng::Rng;
pub use part10::Charset;
use part10::Elements;

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One axial series, 512 x 512, 16 bits signed, in Hounsfield units.
    Ct { slices: u32 },
    /// Four views FOR PRESENTATION, 2294 x 1914, 12 bits; MONOCHROME1 or MONOCHROME2.
    Mammogram { monochrome1: bool },
    /// One sagittal series, 256 x 256, 12 bits.
    Mr { slices: u32 },
    /// One clip, 640 x 480 RGB.
    Ultrasound { frames: u32 },
}

/// Where and on what the study is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanner {
    pub institution: String,
    pub station: String,
    /// Seconds east of UTC are not known to a scanner; DICOM's `-0600` form is. Empty leaves it out, as many do.
    pub timezone_offset: String,
    pub charset: Charset,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub sop_class: &'static str,
    pub sop_instance_uid: String,
    pub series_uid: String,
    /// From 1.
    pub number: u32,
    /// The Part 10 file.
    pub file: Vec<u8>,
}

/// A study for an order: same seed, same bytes.
#[derive(Debug, Clone)]
pub struct Study {
    seed: u64,
    kind: Kind,
    person: Person,
    order: Order,
    scanner: Scanner,
    series_uid: String,
    frame_of_reference_uid: String,
}

/// Slices of a series beyond this are not made.
pub const SLICES_MAX: u32 = 5_000;
/// Frames of a clip beyond this are not made: a clip is one file and stands in memory, 0.9 MB a frame.
pub const FRAMES_MAX: u32 = 300;

impl Study {
    /// The number of slices or frames is held between 1 and [`SLICES_MAX`] or [`FRAMES_MAX`].
    pub fn new(seed: u64, kind: Kind, person: &Person, order: &Order, scanner: &Scanner) -> Study {
        let mut rng = Rng::of(seed, &order.study_uid, 0);
        let hold = |n: u32| n.clamp(1, SLICES_MAX);
        let kind = match kind {
            Kind::Ct { slices } => Kind::Ct { slices: hold(slices) },
            Kind::Mr { slices } => Kind::Mr { slices: hold(slices) },
            Kind::Ultrasound { frames } => Kind::Ultrasound { frames: frames.clamp(1, FRAMES_MAX) },
            mammogram @ Kind::Mammogram { .. } => mammogram,
        };
        Study {
            seed,
            kind,
            person: person.clone(),
            order: order.clone(),
            scanner: scanner.clone(),
            series_uid: rng.uid(),
            frame_of_reference_uid: rng.uid(),
        }
    }

    pub fn uid(&self) -> &str {
        &self.order.study_uid
    }
    pub fn series_uid(&self) -> &str {
        &self.series_uid
    }
    pub fn kind(&self) -> Kind {
        self.kind
    }
    pub fn sop_class(&self) -> &'static str {
        match self.kind {
            Kind::Ct { .. } => "1.2.840.10008.5.1.4.1.1.2",
            Kind::Mammogram { .. } => "1.2.840.10008.5.1.4.1.1.1.2",
            Kind::Mr { .. } => "1.2.840.10008.5.1.4.1.1.4",
            Kind::Ultrasound { .. } => "1.2.840.10008.5.1.4.1.1.3.1",
        }
    }
    pub fn modality(&self) -> &'static str {
        match self.kind {
            Kind::Ct { .. } => "CT",
            Kind::Mammogram { .. } => "MG",
            Kind::Mr { .. } => "MR",
            Kind::Ultrasound { .. } => "US",
        }
    }
    /// How many instances there are.
    pub fn count(&self) -> u32 {
        match self.kind {
            Kind::Ct { slices } | Kind::Mr { slices } => slices,
            Kind::Mammogram { .. } => 4,
            Kind::Ultrasound { .. } => 1,
        }
    }
    pub fn sop_instance_uid(&self, number: u32) -> String {
        Rng::of(self.seed, &self.order.study_uid, 1 + u64::from(number)).uid()
    }
    /// From 1 to [`Study::count`]; `None` outside.
    pub fn instance(&self, number: u32) -> Option<Instance> {
        if number == 0 || number > self.count() {
            return None;
        }
        let mut elements = Elements::new(self.scanner.charset);
        let uid = self.sop_instance_uid(number);
        modules::of_every_image(self, &uid, number, &mut elements);
        let noise = Rng::of(self.seed, &self.series_uid, u64::from(number));
        match self.kind {
            Kind::Ct { slices } => modules::ct(self, number, slices, noise, &mut elements),
            Kind::Mammogram { monochrome1 } => modules::mammogram(number, monochrome1, noise, &mut elements),
            Kind::Mr { slices } => modules::mr(self, number, slices, noise, &mut elements),
            Kind::Ultrasound { frames } => modules::ultrasound(frames, noise, &mut elements),
        }
        Some(Instance {
            sop_class: self.sop_class(),
            file: elements.file(self.sop_class(), &uid),
            sop_instance_uid: uid,
            series_uid: self.series_uid.clone(),
            number,
        })
    }
}

#[cfg(test)]
mod tests;
