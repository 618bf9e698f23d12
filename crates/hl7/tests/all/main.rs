//! HL7 v2 and CDA: reading, framing and maps as a sender and a hospital meet them (HL7 v2.5.1, CDA R2).

mod answers;
mod back;
mod cda;
mod families;
mod maps;
mod messages;
mod mutations;
mod queries;
