//! A real control plane on loopback addresses: etcd, kube-apiserver and kube-controller-manager, with Ordinance behind
//! a Service, installed as an operator installs it.
//!
//! Everything ends with the process that started it, even if that process is killed. Nothing listens outside the
//! loopback interface, and several clusters can run at the same time.

mod access;
mod addresses;
mod authority;
mod client_command;
mod cluster;
mod container;
mod control_plane;
mod fake_kubelet;
mod helm;
mod https;
mod kubeconfig;
mod kubectl;
mod managed_process;
mod manifest;
mod node;
mod options;
mod ordinance;
mod process_group;
mod recorder;
mod recording;
mod redaction;
mod replica;
mod service_proxy;
mod shell;
mod supervisor;
mod wait;
mod workspace;

pub use access::ClusterAccess;
pub use authority::{IssuedPair, TestAuthority};
pub use client_command::CommandOutput;
pub use cluster::Cluster;
pub use control_plane::{ControlPlane, ControlPlanePart};
pub use helm::Helm;
pub use https::{Https, Respond};
pub use kubeconfig::Kubeconfig;
pub use kubectl::Kubectl;
pub use managed_process::ManagedProcess;
pub use manifest::InstallManifest;
pub use node::init::run_as_init;
pub use node::namespaces::LinuxNamespaces;
pub use node::{ClusterNode, NAME as NODE};
pub use options::{ClusterOptions, PodMode};
pub use ordinance::{Installation, Ordinance, StartMode};
pub use ordinance_tools::{Tool, Tools};
pub use recording::ReviewRecording;
pub use replica::Replica;
pub use service_proxy::ServiceProxy;
pub use shell::Shell;
pub use supervisor::{StopCondition, supervise};
pub use wait::until;
