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

// === impl Survey ===

impl<'a> MountGroups<'a> {
    /// Sorts the mounts of a volume.
    pub(super) fn of(volume: &SetVolume<'a>) -> Self {
        let mut groups = Self::default();
        for mounted in &volume.mounts {
            groups.add(*mounted);
        }
        groups
    }

    /// One mount alone.
    pub(super) fn of_one(mounted: PlacedMount<'a>) -> Self {
        let mut groups = Self::default();
        groups.add(mounted);
        groups
    }

    fn add(&mut self, mounted: PlacedMount<'a>) {
        let Some(resolved) = mounted.resolved() else {
            return match mounted.part() {
                SubPath::Root => self.without_sub_path.push(mounted),
                SubPath::Both => self.both.push(mounted),
                SubPath::Fixed(_) | SubPath::Expression(_) => self.same_for_all.push(mounted),
            };
        };
        match resolved.class() {
            ExpressionClass::PerOrdinal | ExpressionClass::Unstable => self.isolated.push((mounted, resolved)),
            ExpressionClass::Unproved => self.unproven.push(mounted),
            ExpressionClass::Same => self.same_for_all.push(mounted),
            ExpressionClass::Missing(missing) => self.missing.push((mounted, missing)),
        }
    }

    /// Whether every mount that writes has an expression of the user's that keeps the replicas apart.
    pub(super) fn writers_are_apart(&self) -> bool {
        [&self.without_sub_path, &self.both, &self.same_for_all].into_iter().flatten().all(|mounted| mounted.is_read_only())
            && self.missing.is_empty()
    }

    /// The mounts that all replicas have alike, without those that only read beside writers that are kept apart.
    pub(super) fn sharing(&self) -> &[PlacedMount<'a>] {
        if self.writers_are_apart() { &[] } else { &self.same_for_all }
    }

    /// Returns the expression of the mounts that are kept apart, or `None` if they have several.
    pub(super) fn one_expression(&self) -> Option<PlacedMount<'a>> {
        let ((first, resolved), others) = self.isolated.split_first()?;
        others.iter().all(|(_, other)| other.is_same_as(resolved)).then_some(*first)
    }

    /// Refuses what no pod could start with, however many replicas there are.
    pub(super) fn refuse_impossible(&self, volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for mounted in &self.both {
            refuse_both(volume, mounted, volume.default_expression(), review);
        }
        for (mounted, missing) in &self.missing {
            refuse_missing(volume, mounted, *missing, review);
        }
    }

    /// Warns of expressions that are lost with the pod, or that prove nothing, or take a name that is there twice.
    pub(super) fn warn_of_doubts(&self, volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for (mounted, resolved) in &self.isolated {
            if resolved.class() == ExpressionClass::Unstable {
                warn_unstable(volume, mounted, review);
            }
        }
        for mounted in &self.unproven {
            warn_unproved(volume, mounted, review);
        }
    }

    /// Warns of expressions that take a name which is declared twice.
    pub(super) fn warn_of_repeated(volume: &SetVolume<'_>, review: &mut SetReview<'_>) {
        for mounted in &volume.mounts {
            if let Some(name) = mounted.resolved().and_then(|resolved| resolved.repeated()) {
                let fact = format!(
                    "{name} is declared twice in container {:?}, and an expression of {} takes it: the last one counts",
                    mounted.container.name(),
                    volume.titled()
                );
                let report = StorageRule::DuplicateVariable.warn(mounted.part_field(), fact);
                review.findings.add(report.remedy("Remove the other"));
            }
        }
    }
}

/// Both fields exclude each other.
pub(super) fn refuse_both(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    keep: &str,
    review: &mut SetReview<'_>,
) {
    let fact = format!(
        "container {:?} sets both subPath and subPathExpr on a mount of {}, and they exclude each other",
        mounted.container.name(),
        volume.titled()
    );
    let report = StorageRule::ConflictingSubPaths.deny(mounted.part_field(), fact);
    review.findings.add(report.remedy(format!("Keep one, e.g. subPathExpr: {keep}")));
}

/// A variable that is missing or empty stops the container.
pub(super) fn refuse_missing(
    volume: &SetVolume<'_>,
    mounted: &PlacedMount<'_>,
    missing: MissingVariable<'_>,
    review: &mut SetReview<'_>,
) {
    let container = mounted.container.name();
    let (name, fault) = match missing {
        MissingVariable::Undeclared(name) => (name, "does not declare"),
        MissingVariable::Empty(name) => (name, "declares without a value"),
    };
    let fact = format!(
        "the subPathExpr of {} takes $({name}), which container {container:?} {fault}: no pod could start (missing value \
         for {name})",
        volume.titled()
    );
    let report = StorageRule::UndeclaredVariable.deny(mounted.part_field(), fact);
    review.findings.add(report.remedy(remedy_for(name)));
}

fn remedy_for(name: &str) -> String {
    let ours = "or write $(ORDINANCE_POD_NAME), which Ordinance declares";
    if name == "HOSTNAME" {
        return format!(
            "The kubelet does not expand with HOSTNAME: declare it in env from metadata.name, {ours}"
        );
    }
    format!("Declare it in env, e.g. from metadata.name, {ours}")
}

fn warn_unstable(volume: &SetVolume<'_>, mounted: &PlacedMount<'_>, review: &mut SetReview<'_>) {
    let fact = format!(
        "the files of {} are lost at every restart: {} changes with each pod",
        volume.titled(),
        written(mounted)
    );
    let remedy = format!("Write subPathExpr: {}", volume.default_expression());
    review.findings.add(StorageRule::UnstableSubPath.warn(mounted.part_field(), fact).remedy(remedy));
}

pub(super) fn warn_unproved(volume: &SetVolume<'_>, mounted: &PlacedMount<'_>, review: &mut SetReview<'_>) {
    let fact = format!(
        "whether replicas share {} can't be known: {} takes a variable from outside the pod",
        volume.titled(),
        written(mounted)
    );
    let remedy = format!("subPathExpr: {} would be certain", volume.default_expression());
    review.findings.add(StorageRule::UnprovenSubPath.warn(mounted.part_field(), fact).remedy(remedy));
}

/// The field of a mount that says which part of the volume it shows, as it is written.
pub(super) fn written(mounted: &PlacedMount<'_>) -> String {
    match mounted.part() {
        SubPath::Root | SubPath::Both => "the root".to_owned(),
        SubPath::Fixed(path) => format!("subPath {path:?}"),
        SubPath::Expression(expression) => format!("subPathExpr {expression:?}"),
    }
}

/// The expression to write instead of a part that all replicas have alike.
pub(super) fn proposal(volume: &SetVolume<'_>, mounted: &PlacedMount<'_>) -> String {
    let own = volume.default_expression();
    match mounted.part() {
        SubPath::Fixed(path) => format!("{own}/{}", escaped(path)),
        SubPath::Expression(expression) => format!("{own}/{expression}"),
        SubPath::Root | SubPath::Both => own.to_owned(),
    }
}
