//! A real control plane on loopback addresses: etcd, kube-apiserver and kube-controller-manager, with Ordinance behind
//! a Service of it, as an operator installs it.
//!
//! Everything ends with the process that started it, however that ends. Nothing listens beyond the loopback interface,
//! and several clusters can run at the same time.

mod access;
mod addresses;
mod cluster;
mod component;
mod container;
mod group;
mod helm;
mod https;
mod keys;
mod kubeconfig;
mod kubectl;
mod manifest;
mod node;
mod ordinance;
mod plane;
mod pods;
mod program;
mod recorder;
mod recording;
mod redaction;
mod replica;
mod shell;
mod site;
mod splitter;
mod supervisor;
mod wait;

pub use access::Access;
pub use cluster::{Cluster, Options, Pods};
pub use component::Component;
pub use helm::Helm;
pub use https::{Answer, Https};
pub use keys::{Authority, Pair};
pub use kubeconfig::Kubeconfig;
pub use kubectl::Kubectl;
pub use manifest::Manifest;
pub use node::enclosure::Enclosure;
pub use node::first::first;
pub use node::{NAME as NODE, Node};
pub use ordinance::{Installation, Ordinance, Start};
pub use ordinance_tools::{Tool, Tools};
pub use plane::{Part, Plane};
pub use program::Ran;
pub use recording::Recording;
pub use replica::Replica;
pub use shell::Shell;
pub use splitter::Splitter;
pub use supervisor::{Attention, supervise};
pub use wait::until;
