//! How the mounts of one volume are written, sorted by what that means for the replicas.

use super::review::SetReview;
use super::volume::SetVolume;
use crate::rules::StorageRule;
use ordinance_storage::expression::escaped;
use ordinance_storage::{ExpressionClass, MissingVariable, PlacedMount, ResolvedExpression, SubPath};

/// The mounts of a volume, by what they show.
#[derive(Default)]
pub(super) struct MountGroups<'a> {
    /// With neither field.
    pub(super) without_sub_path: Vec<PlacedMount<'a>>,
    /// With both.
    pub(super) both: Vec<PlacedMount<'a>>,
    /// A fixed sub-path, or an expression that is the same for every ordinal.
    pub(super) same_for_all: Vec<PlacedMount<'a>>,
    /// By an expression that keeps the replicas apart.
    pub(super) isolated: Vec<(PlacedMount<'a>, ResolvedExpression<'a>)>,
    /// By an expression of which nothing can be proved.
    pub(super) unproven: Vec<PlacedMount<'a>>,
    /// By an expression that stops the container.
    pub(super) missing: Vec<(PlacedMount<'a>, MissingVariable<'a>)>,
}

// === impl MountGroups ===

impl<'a> MountGroups<'a> {
    /// Sorts the mounts of a volume.
    pub(super) fn of(volume: &SetVolume<'a>) -> Self {
        let mut groups = Self::default();
        for mount in &volume.mounts {
            groups.add(*mount);
        }
        groups
    }

    /// One mount alone.
    pub(super) fn of_one(mount: PlacedMount<'a>) -> Self {
        let mut groups = Self::default();
        groups.add(mount);
        groups
    }

    fn add(&mut self, mount: PlacedMount<'a>) {
        let Some(resolved) = mount.resolved() else {
            return match mount.part() {
                SubPath::Root => self.without_sub_path.push(mount),
                SubPath::Both => self.both.push(mount),
                SubPath::Fixed(_) | SubPath::Expression(_) => self.same_for_all.push(mount),
            };
        };
        match resolved.class() {
            ExpressionClass::PerOrdinal | ExpressionClass::Unstable => self.isolated.push((mount, resolved)),
            ExpressionClass::Unproved => self.unproven.push(mount),
            ExpressionClass::Same => self.same_for_all.push(mount),
            ExpressionClass::Missing(missing) => self.missing.push((mount, missing)),
        }
    }

    /// Whether every mount that writes has an expression of the user's that keeps the replicas apart.
    pub(super) fn writers_are_isolated(&self) -> bool {
        [&self.without_sub_path, &self.both, &self.same_for_all]
            .into_iter()
            .flatten()
            .all(|mount| mount.is_read_only())
            && self.missing.is_empty()
    }

    /// The mounts that all replicas have alike, without those that only read beside writers that are kept apart.
    pub(super) fn shared(&self) -> &[PlacedMount<'a>] {
        if self.writers_are_isolated() { &[] } else { &self.same_for_all }
    }

    /// Returns the expression of the mounts that are kept apart, or `None` if they have several.
    pub(super) fn common_expression(&self) -> Option<PlacedMount<'a>> {
        let ((first, resolved), others) = self.isolated.split_first()?;
        others.iter().all(|(_, other)| other.is_same_as(resolved)).then_some(*first)
    }

    /// Refuses what no pod could start with, however many replicas there are.
    pub(super) fn deny_unstartable(&self, volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for mount in &self.both {
            deny_both_fields(volume, mount, volume.default_expression(), review);
        }
        for (mount, missing) in &self.missing {
            deny_missing_variable(volume, mount, *missing, review);
        }
    }

    /// Warns of expressions that are lost with the pod, or that prove nothing, or take a name that is there twice.
    pub(super) fn warn_unstable_or_unproven(&self, volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for (mount, resolved) in &self.isolated {
            if resolved.class() == ExpressionClass::Unstable {
                warn_unstable(volume, mount, review);
            }
        }
        for mount in &self.unproven {
            warn_unproven(volume, mount, review);
        }
    }

    /// Warns of expressions that take a name which is declared twice.
    pub(super) fn warn_duplicate_variables(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for mount in &volume.mounts {
            if let Some(name) = mount.resolved().and_then(|resolved| resolved.repeated()) {
                let fact = format!(
                    "{name} is declared twice in container {:?}, and an expression of {} takes it: the last one counts",
                    mount.container.name(),
                    volume.title()
                );
                let report = StorageRule::DuplicateVariable.warn(mount.part_field(), fact);
                review.findings.add(report.remedy("Remove the other"));
            }
        }
    }
}

/// Both fields exclude each other.
pub(super) fn deny_both_fields(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    keep: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "container {:?} sets both subPath and subPathExpr on a mount of {}, and they exclude each other",
        mount.container.name(),
        volume.title()
    );
    let report = StorageRule::ConflictingSubPaths.deny(mount.part_field(), fact);
    review.findings.add(report.remedy(format!("Keep one, e.g. subPathExpr: {keep}")));
}

/// A variable that is missing or empty stops the container.
pub(super) fn deny_missing_variable(
    volume: &SetVolume<'_>,
    mount: &PlacedMount<'_>,
    missing: MissingVariable<'_>,
    review: &mut SetReview<'_>,
) {
    let container = mount.container.name();
    let (name, fault) = match missing {
        MissingVariable::Undeclared(name) => (name, "does not declare"),
        MissingVariable::Empty(name) => (name, "declares without a value"),
    };
    let fact = format!(
        "the subPathExpr of {} takes $({name}), which container {container:?} {fault}: no pod could start (missing value \
         for {name})",
        volume.title()
    );
    let report = StorageRule::UndeclaredVariable.deny(mount.part_field(), fact);
    review.findings.add(report.remedy(missing_variable_remedy(name)));
}

fn missing_variable_remedy(name: &str) -> String {
    let reserved = "or write $(ORDINANCE_POD_NAME), which Ordinance declares";
    if name == "HOSTNAME" {
        return format!(
            "The kubelet does not expand with HOSTNAME: declare it in env from metadata.name, {reserved}"
        );
    }
    format!("Declare it in env, e.g. from metadata.name, {reserved}")
}

fn warn_unstable(volume: &SetVolume<'_>, mount: &PlacedMount<'_>, review: &mut SetReview<'_>) {
    let fact = format!(
        "the files of {} are lost at every restart: {} changes with each pod",
        volume.title(),
        sub_path_text(mount)
    );
    let remedy = format!("Write subPathExpr: {}", volume.default_expression());
    review.findings.add(StorageRule::UnstableSubPath.warn(mount.part_field(), fact).remedy(remedy));
}

pub(super) fn warn_unproven(volume: &SetVolume<'_>, mount: &PlacedMount<'_>, review: &mut SetReview<'_>) {
    let fact = format!(
        "whether replicas share {} can't be known: {} takes a variable from outside the pod",
        volume.title(),
        sub_path_text(mount)
    );
    let remedy = format!("subPathExpr: {} would be certain", volume.default_expression());
    review.findings.add(StorageRule::UnprovenSubPath.warn(mount.part_field(), fact).remedy(remedy));
}

/// The field of a mount that says which part of the volume it shows, as it is written.
pub(super) fn sub_path_text(mount: &PlacedMount<'_>) -> String {
    match mount.part() {
        SubPath::Root | SubPath::Both => "the root".to_owned(),
        SubPath::Fixed(path) => format!("subPath {path:?}"),
        SubPath::Expression(expression) => format!("subPathExpr {expression:?}"),
    }
}

/// The expression to write instead of a part that all replicas have alike.
pub(super) fn isolating_expression(volume: &SetVolume<'_>, mount: &PlacedMount<'_>) -> String {
    let own = volume.default_expression();
    match mount.part() {
        SubPath::Fixed(path) => format!("{own}/{}", escaped(path)),
        SubPath::Expression(expression) => format!("{own}/{expression}"),
        SubPath::Root | SubPath::Both => own.to_owned(),
    }
}
