//! Transfer syntaxes and how each one encodes data sets and pixels (PS3.5 section 10 and Annex A, PS3.6 Table A-1).

/// UIDs that the code names.
pub mod uids {
    pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
    pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
    pub const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.99";
    pub const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
    pub const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
    pub const JPEG_EXTENDED: &str = "1.2.840.10008.1.2.4.51";
    pub const JPEG_LOSSLESS: &str = "1.2.840.10008.1.2.4.57";
    pub const JPEG_LOSSLESS_SV1: &str = "1.2.840.10008.1.2.4.70";
    pub const JPEG_2000_LOSSLESS: &str = "1.2.840.10008.1.2.4.90";
    pub const JPEG_2000: &str = "1.2.840.10008.1.2.4.91";
    pub const RLE_LOSSLESS: &str = "1.2.840.10008.1.2.5";
}

/// How the bytes of a data set are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
    /// Explicit VR little endian, the whole data set deflated (RFC 1951).
    DeflatedLittle,
}

/// One transfer syntax of PS3.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferSyntax {
    pub uid: &'static str,
    pub name: &'static str,
    pub coding: Coding,
    /// Pixel data are encapsulated in fragments (PS3.5 A.4).
    pub encapsulated: bool,
    /// Pixel data are a video stream: frames cannot be told apart by their fragments.
    pub video: bool,
}

/// The transfer syntax with this UID; trailing NUL and spaces do not count.
pub fn transfer_syntax(uid: &str) -> Option<&'static TransferSyntax> {
    let uid = uid.trim_end_matches(['\0', ' ']);
    TRANSFER_SYNTAXES.iter().find(|syntax| syntax.uid == uid)
}

const fn native(uid: &'static str, name: &'static str, coding: Coding) -> TransferSyntax {
    TransferSyntax { uid, name, coding, encapsulated: false, video: false }
}

const fn image(uid: &'static str, name: &'static str) -> TransferSyntax {
    TransferSyntax { uid, name, coding: Coding::ExplicitLittle, encapsulated: true, video: false }
}

const fn video(uid: &'static str, name: &'static str) -> TransferSyntax {
    TransferSyntax { uid, name, coding: Coding::ExplicitLittle, encapsulated: true, video: true }
}

/// What an archive may be offered. JPIP references, real-time streams and retired hierarchical JPEG are not here.
#[rustfmt::skip]
pub const TRANSFER_SYNTAXES: &[TransferSyntax] = &[
    native("1.2.840.10008.1.2", "Implicit VR Little Endian", Coding::ImplicitLittle),
    native("1.2.840.10008.1.2.1", "Explicit VR Little Endian", Coding::ExplicitLittle),
    native("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", Coding::DeflatedLittle),
    native("1.2.840.10008.1.2.2", "Explicit VR Big Endian", Coding::ExplicitBig),
    image("1.2.840.10008.1.2.1.98", "Encapsulated Uncompressed Explicit VR Little Endian"),
    image("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)"),
    image("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)"),
    image("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)"),
    image("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14, Selection Value 1)"),
    image("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression"),
    image("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression"),
    image("1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)"),
    image("1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression"),
    image("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)"),
    image("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2 Multi-component Image Compression"),
    image("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
    image("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression"),
    image("1.2.840.10008.1.2.4.112", "JPEG XL"),
    image("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
    image("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)"),
    image("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000 Image Compression"),
    image("1.2.840.10008.1.2.5", "RLE Lossless"),
    image("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression"),
    video("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile / Main Level"),
    video("1.2.840.10008.1.2.4.100.1", "Fragmentable MPEG2 Main Profile / Main Level"),
    video("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile / High Level"),
    video("1.2.840.10008.1.2.4.101.1", "Fragmentable MPEG2 Main Profile / High Level"),
    video("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile / Level 4.1"),
    video("1.2.840.10008.1.2.4.102.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1"),
    video("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
    video("1.2.840.10008.1.2.4.103.1", "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"),
    video("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
    video("1.2.840.10008.1.2.4.104.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"),
    video("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
    video("1.2.840.10008.1.2.4.105.1", "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"),
    video("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
    video("1.2.840.10008.1.2.4.106.1", "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"),
    video("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile / Level 5.1"),
    video("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile / Level 5.1"),
];
