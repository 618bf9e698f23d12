//! HL7 v2: reading, framing and maps as a sender and a hospital meet them (HL7 v2.5.1).

mod answers;
mod families;
mod maps;
mod messages;
mod mutations;
