//! The country as one replaceable value: CURP, CLUES, cédula, two surnames, catalogues, norms.
