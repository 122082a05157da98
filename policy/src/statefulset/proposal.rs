//! The expressions that isolate the mounts of a volume, as messages and fixes propose them.

use super::fix;
use super::mount_groups::MountGroups;
use super::review::Set;
use super::volume::SetVolume;
use crate::display::{Quoted, Shown};
use ordinance_contract::Fix;
use ordinance_storage::{ExpressionClass, PlacedMount, SubPath, expression};
use std::fmt::Write as _;

/// Mounts that a text names; it counts the others.
const MAX_NAMED: usize = 8;

/// How much more a byte of a proposal costs than one of an expression: it is copied, resolved and quoted.
const TEXT_COST: usize = 4;

/// An expression for a mount.
#[derive(Debug)]
pub(super) struct Proposal<'a> {
    pub(super) mount: PlacedMount<'a>,
    pub(super) expression: String,
}

// === impl Proposal ===

impl<'a> Proposal<'a> {
    /// Returns the expression that isolates a mount: its path in the volume, below the directory of the replica.
    pub(super) fn of(volume: &SetVolume<'a>, groups: &MountGroups<'a>, mount: PlacedMount<'a>) -> Self {
        let directory = groups.common_directory();
        let own = directory
            .map_or(volume.default_expression().into(), |directory| directory.expression_in(mount.container));
        let expression = match mount.part() {
            SubPath::Fixed(path) => format!("{own}/{}", expression::escaped(path)),
            SubPath::Expression(expression) => format!("{own}/{expression}"),
            SubPath::Root | SubPath::Both => own.into_owned(),
        };
        // Many mounts may have a long beginning in common, which is then resolved and quoted for each.
        let is_short = mount.container.env.steps().spend_on(TEXT_COST * expression.len());
        Self { mount, expression: if is_short { expression } else { String::new() } }
    }

    /// Returns the expression that takes the place of one whose value changes with every pod: what follows that value
    /// stays.
    pub(super) fn stable(volume: &SetVolume<'a>, mount: PlacedMount<'a>) -> Self {
        let segments = mount.expression().map(expression::segments).unwrap_or_default();
        let is_stable =
            |segment: &&&str| mount.container.env.resolve(segment).class() != ExpressionClass::Unstable;
        let kept = segments.iter().rev().take_while(is_stable).count();
        let own = std::iter::once(volume.default_expression());
        let rest = segments.iter().skip(segments.len() - kept).copied();
        Self { mount, expression: own.chain(rest).collect::<Vec<&str>>().join("/") }
    }

    /// Returns the expressions for all mounts that the replicas share.
    pub(super) fn of_shared(volume: &SetVolume<'a>, groups: &MountGroups<'a>) -> Vec<Self> {
        let shared = groups.without_sub_path.iter().chain(groups.shared_sub_paths());
        shared.map(|mount| Self::of(volume, groups, *mount)).collect()
    }

    /// Returns a fix that writes the expression instead of the mount's sub-path; `None` if the set is stored, since its
    /// files would not move, or if the expression would not isolate the mount, which a finding about its variables
    /// explains.
    pub(super) fn fix(&self, set: &Set<'_>) -> Option<Fix> {
        let is_fix = !set.is_stored && isolates(&self.mount, &self.expression);
        is_fix.then(|| fix::replace_sub_path(&self.mount, &self.expression)).flatten()
    }
}

/// Returns whether an expression gives each ordinal a directory of its own at a mount. It does not if the container
/// declares a reserved variable differently.
pub(super) fn isolates(mount: &PlacedMount<'_>, expression: &str) -> bool {
    mount.container.env.resolve(expression).class() == ExpressionClass::PerOrdinal
}

/// Returns what to write, e.g. `subPathExpr: $(ORDINANCE_POD_NAME)`; if the mounts need different expressions, with the
/// path of each mount.
pub(super) fn text(proposals: &[Proposal<'_>]) -> String {
    let mut text = "subPathExpr: ".to_owned();
    let Some((first, others)) = proposals.split_first() else { return text };
    if others.iter().all(|other| other.expression == first.expression) {
        let _ = write!(text, "{}", Shown(&first.expression));
        return text;
    }
    for (index, Proposal { mount, expression }) in proposals.iter().take(MAX_NAMED).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let (expression, path) = (Shown(expression), Quoted(&mount.mount.mount_path));
        let _ = write!(text, "{separator}{expression} at {path}");
    }
    if let Some(more) = proposals.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}
