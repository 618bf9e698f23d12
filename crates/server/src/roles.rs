//! Which parts run in which role: a table, so that start-up is a loop and not a tangle of conditions.

use badiano_record::NodeRole;

/// A part of the product that runs beside the HTTP doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// DICOM associations.
    Dimse,
    /// Images on their way to peers by routes.
    Routing,
    /// HL7 v2 over MLLP, and results on their way back.
    Mllp,
    /// ImagingStudy resources kept in line with the archive.
    ImagingRecord,
    /// Queues to other nodes.
    Courier,
    /// The lease on consent.
    ConsentLease,
    /// The signed tree over the audit log.
    AuditTree,
    /// The log shown to its witnesses each epoch.
    Witnesses,
    /// The node's certificate renewed in time; the hub's list of revoked ones signed anew.
    Certificates,
    /// Records that may be of one person.
    Identity,
    /// Staff told of amended reports, and of critical results that nobody has heard.
    Notices,
    /// Bulk exports and imports.
    Bulk,
    /// Subscribers told of what changes.
    Subscriptions,
    /// Sessions, tokens and marks that have run out are taken away.
    Expiry,
}

const TABLE: &[(Part, &[NodeRole])] = &[
    (Part::Dimse, &[NodeRole::Hospital]),
    (Part::Routing, &[NodeRole::Hospital]),
    (Part::Mllp, &[NodeRole::Hospital]),
    (Part::ImagingRecord, &[NodeRole::Hospital]),
    (Part::Notices, &[NodeRole::Hospital]),
    (Part::Identity, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::Courier, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::ConsentLease, &[NodeRole::Hospital]),
    (Part::AuditTree, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::Witnesses, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::Certificates, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::Bulk, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::Subscriptions, &[NodeRole::Hospital, NodeRole::Hub]),
    (Part::Expiry, &[NodeRole::Hospital, NodeRole::Hub]),
];

/// The parts of a role, in the order in which they start.
pub fn parts(role: NodeRole) -> impl Iterator<Item = Part> {
    TABLE.iter().filter(move |(_, roles)| roles.contains(&role)).map(|(part, _)| *part)
}
