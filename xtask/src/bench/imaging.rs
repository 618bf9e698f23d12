//! Area `imaging` of the bench: images taken in, found and served, beside DCMTK, Orthanc and nginx.

use super::Area;

pub const AREA: Area = Area {
    name: "imaging",
    what: "images taken in, found and served, beside DCMTK, Orthanc and nginx",
    measure: None,
};
