//! Loopback addresses that no other cluster on this machine uses.
//!
//! The cluster IP of a Service is a loopback address, so that the API server reaches the process behind it without a
//! kube-proxy.

use anyhow::{Result, bail};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// The first address of 127.96.0.0/12, which is divided into blocks.
const FIRST: u32 = u32::from_be_bytes([127, 96, 0, 0]);

/// The number of addresses in a block: the lower half for Services, the upper half for the control plane.
const BLOCK: u32 = 512;

/// The number of blocks.
const BLOCKS: u32 = (1 << 20) / BLOCK;

/// The port that claims a block: a process owns the block if it listens on this port of the block's last address.
const CLAIM: u16 = 20_201;

/// A block of addresses. Dropping the value frees it.
#[derive(Debug)]
pub struct Addresses {
    first: u32,
    _claim: TcpListener,
}

// === impl Addresses ===

impl Addresses {
    /// Claims the first free block.
    pub fn claim() -> Result<Self> {
        for block in 0..BLOCKS {
            let first = FIRST + block * BLOCK;
            match TcpListener::bind((Ipv4Addr::from(first + BLOCK - 2), CLAIM)) {
                Ok(claim) => return Ok(Self { first, _claim: claim }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => {
                    bail!("can't listen on 127.96.0.0/12, where the cluster's Services would be: {error}")
                }
            }
        }
        bail!("port {CLAIM} is in use on every address of 127.96.0.0/12")
    }

    /// The range of the cluster IPs, in CIDR notation.
    pub fn services(&self) -> String {
        format!("{}/24", Ipv4Addr::from(self.first))
    }

    /// The cluster IP of the Service `kubernetes`.
    pub fn kubernetes(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first + 1)
    }

    /// The address that the control plane listens on.
    pub fn plane(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.first + BLOCK / 2 + 1)
    }

    /// Returns the control plane's address with different free ports. No other process binds to the address, so the
    /// ports stay free.
    pub fn free<const COUNT: usize>(&self) -> Result<[SocketAddr; COUNT]> {
        let mut addresses = [SocketAddr::from((self.plane(), 0)); COUNT];
        // All listeners stay open until each address has its port, so that no port is chosen twice.
        let mut listeners = Vec::with_capacity(COUNT);
        for address in &mut addresses {
            let listener = TcpListener::bind(*address)?;
            *address = listener.local_addr()?;
            listeners.push(listener);
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_clusters_share_no_address() -> Result<()> {
        let (one, other) = (Addresses::claim()?, Addresses::claim()?);
        assert_ne!(one.services(), other.services());
        assert_ne!(one.plane(), other.plane());
        Ok(())
    }

    #[test]
    fn no_port_is_chosen_twice() -> Result<()> {
        let chosen = Addresses::claim()?.free::<256>()?;
        let ports: BTreeSet<u16> = chosen.iter().map(SocketAddr::port).collect();
        assert_eq!(ports.len(), chosen.len());
        Ok(())
    }

    #[test]
    fn the_control_plane_is_outside_the_range_of_the_services() -> Result<()> {
        let addresses = Addresses::claim()?;
        let (services, plane) = (addresses.kubernetes().octets(), addresses.plane().octets());
        assert_ne!(services[..3], plane[..3]);
        Ok(())
    }
}
