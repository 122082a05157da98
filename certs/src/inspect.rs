//! Inspects certificates: what they are, which bundles trust them, and what is wrong.
//!
//! An [`Inspection`] collects a store, files, webhook configurations and what a server presents, and compares all of them
//! with each other as of one [`InspectionTime`]. Its output never contains a private key.

mod checks;
mod description;
mod document;
mod finding;
mod inspection;
mod material;
mod presented;
mod text;

pub use description::CertificateDescription;
pub use document::InspectionDocument;
pub use finding::{CertificateFinding, InspectionTime, Remedy};
pub use inspection::{CaRole, Inspection};
pub use material::{Material, MaterialError};
pub use presented::{PresentedChain, PresentedError, presented_chain};
pub use text::TextStyle;
