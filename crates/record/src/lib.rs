//! Policy and meaning, the one way to the data: Session -> access -> consent -> change -> audit.
