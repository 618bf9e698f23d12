//! DICOM as a value: data sets, JSON model, association and DIMSE state machines (sans-IO), pixels. No I/O, no clock.
