//! The file system of an instance: a private layer over the host's root or over a directory, with kernel file systems of its
//! own.
//!
//! | part | from |
//! |---|---|
//! | `/` | overlay; what the instance writes lands in `instances/ID/` and is removed with it |
//! | `/proc` | its own pid namespace; read-only or masked where the host's kernel would be touched, writable in `sys/net` |
//! | `/sys` | its own network namespace, read-only |
//! | `/dev` | a tmpfs with the harmless devices of the host, its own `pts` and `shm` |
//! | `/run`, `/tmp` | tmpfs |
//! | the keeper's data directory | hidden |
//!
//! **As root** one overlay takes `/` as its lower layer, and one more each real file system mounted below it.
//! **As root of a user namespace** `/` cannot be a lower layer (its child mounts are locked together), and the host's files
//! belong to users that do not exist there, so that "root" could not even edit `/etc`. So a base layer is made once per
//! keeper on its tmpfs: a copy of the readable part of `/etc`, an own `/root`, and the upper directories of the tree as
//! *directories owned by our root*. It is the lower layer of `/`, and lies over the host's `/usr` and `/var` in overlays of
//! their own (an overlay costs milliseconds, so not one for each). What is in the other top directories, as `/opt/x` or
//! `/home/x`, is shown read-only; beside it the instance may make its own.
//!
//! Private layers are on disk under the data directory, or, where its file system cannot hold an overlay's upper layer, on the
//! keeper's tmpfs: then they last as long as the keeper. They are mounted `volatile` (no sync of the whole disk when an
//! instance ends), so a crash of the host may lose an instance's last writes.

mod base;
mod kernel;
mod overlay;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root};

pub(crate) use base::build as build_base;

use crate::error::{Error, Step};
use crate::keeper::Paths;
use crate::protocol::{LaunchSpec, RootFs};
use crate::userns;
use overlay::Layers;

/// The shared layer of rootless instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// We are root.
    NotNeeded,
    Building,
    Ready,
    Failed,
}

/// Whether the host's root needs a base layer.
pub(crate) fn needs_base() -> bool {
    userns::is_inside()
}

/// What [`enter`] found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entered {
    /// The private layer is new: nothing of an earlier boot is there.
    pub(crate) fresh: bool,
}

/// Puts the root file system of an instance together and moves into it. For the first process of new mount and pid
/// namespaces, which has joined its network namespace.
pub(crate) fn enter(spec: &LaunchSpec, paths: &Paths) -> Result<Entered, Error> {
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).step("make mounts private")?;
    let root = paths.mount_point();
    let layers = Layers::new(paths.private(&spec.id));
    let fresh = !layers.exists("root");
    match &spec.root {
        RootFs::Directory(directory) => layers.mount("root", std::slice::from_ref(directory), &root)?,
        RootFs::Host if needs_base() => host_over_base(&layers, &base::directory(&paths.volatile), &root)?,
        RootFs::Host => host(&layers, &root, paths)?,
    }
    kernel::mount_all(&root)?;
    if spec.root == RootFs::Host {
        hide(&root, &paths.hidden)?;
    }
    pivot(&root)?;
    Ok(Entered { fresh })
}

/// Mounts a private layer kept at `place` as an instance would, for `enishi doctor`.
pub(crate) fn try_layer(place: &Path) -> Result<(), Error> {
    let (target, own) = (place.join("root"), place.join("lower"));
    for directory in [&target, &own] {
        fs::create_dir_all(directory).step(format!("create {}", directory.display()))?;
    }
    let lower = if needs_base() { own } else { PathBuf::from("/") };
    let layers = Layers::new([place.join("layer"), place.join("layer")]);
    layers.mount("root", &[lower], &target)?;
    let written = fs::write(target.join(".enishi-probe"), "x").step("write to a private layer");
    umount2(&target, MntFlags::MNT_DETACH).step("unmount a private layer")?;
    written
}

/// Removes the private files of an instance; the exit status of the child that does it.
pub(crate) fn remove(private: &[PathBuf]) -> i32 {
    let mut status = 0;
    for path in private {
        if let Err(error) = fs::remove_dir_all(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            eprintln!("keeper: remove {}: {error}", path.display());
            status = 1;
        }
    }
    status
}

/// As root: `/`, then the real file systems mounted below it.
fn host(layers: &Layers, root: &Path, paths: &Paths) -> Result<(), Error> {
    layers.mount("root", &[PathBuf::from("/")], root)?;
    for mount_point in overlay::disks_below_root()? {
        if paths.hidden.iter().any(|hidden| mount_point.starts_with(hidden)) {
            continue;
        }
        // Not there any more, or replaced by the instance: then the instance's view holds.
        let Some(target) = directory_in(root, &mount_point) else { continue };
        let layer = format!("mount{}", mount_point.display()).replace('/', "%");
        if layers.mount(&layer, std::slice::from_ref(&mount_point), &target).is_err() {
            kernel::bind_read_only(&mount_point, &target)
                .step(format!("mount {} into the instance", mount_point.display()))?;
        }
    }
    Ok(())
}

/// As root of a user namespace: the base, and what of the host lies under it or is shown in it.
fn host_over_base(layers: &Layers, base: &Path, root: &Path) -> Result<(), Error> {
    layers.mount("root", &[base.to_path_buf()], root)?;
    for name in base::layered() {
        layer_over_base(layers, base, root, Path::new(name), 2)?;
    }
    for path in base::shown() {
        // Refused where something is mounted below it, which is locked to it: then the directory stays empty.
        if let Some(target) = directory_in(root, &path) {
            let _ = kernel::bind_read_only(&path, &target);
        }
    }
    Ok(())
}

/// Lays the base's directory `place` over the host's. Where something is mounted below the host's it cannot be a lower layer;
/// then each of its directories is tried by itself, `depth` levels down, and shown read-only if that is all that can be done.
fn layer_over_base(
    layers: &Layers,
    base: &Path,
    root: &Path,
    place: &Path,
    depth: usize,
) -> Result<(), Error> {
    let (ours, hosts) = (base.join(place), Path::new("/").join(place));
    let Some(target) = directory_in(root, place) else { return Ok(()) };
    let layer = format!("top/{}", place.display()).replace('/', "%");
    let Err(error) = layers.mount(&layer, &[ours, hosts.clone()], &target) else { return Ok(()) };
    if depth > 0 {
        for name in base::directories(&hosts) {
            layer_over_base(layers, base, root, &place.join(name), depth - 1)?;
        }
        return Ok(());
    }
    kernel::bind_read_only(&hosts, &target).or_else(|_| {
        // Its own mounts are locked to it. Empty is better than no instance.
        eprintln!("keeper: {} is empty in an instance: {error}", hosts.display());
        Ok(())
    })
}

/// Covers what belongs to the keeper with an empty directory that nobody can write to.
fn hide(root: &Path, hidden: &[PathBuf]) -> Result<(), Error> {
    for path in hidden {
        if let Some(target) = directory_in(root, path) {
            let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
            mount(Some("tmpfs"), &target, Some("tmpfs"), flags, Some("size=4k,mode=0500"))
                .step(format!("hide {}", path.display()))?;
        }
    }
    Ok(())
}

fn pivot(root: &Path) -> Result<(), Error> {
    chdir(root).step("change to the new root")?;
    // The old root ends up mounted over the new one at ".", and is let go of.
    pivot_root(".", ".").step("pivot to the new root")?;
    umount2(".", MntFlags::MNT_DETACH).step("let go of the old root")?;
    chdir("/").step("change to /")
}

/// The directory `path` of the tree at `root`, unless some part of it is missing, a symbolic link (the instance may have put
/// it there to have us mount over something else) or not a directory.
fn directory_in(root: &Path, path: &Path) -> Option<PathBuf> {
    let mut place = root.to_path_buf();
    for component in path.components() {
        if let Component::Normal(name) = component {
            place.push(name);
            if !fs::symlink_metadata(&place).ok()?.is_dir() {
                return None;
            }
        }
    }
    Some(place)
}

/// As [`directory_in`], but what is missing is made, and what is not a directory is replaced.
fn make_directory_in(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut place = root.to_path_buf();
    for component in path.components() {
        if let Component::Normal(name) = component {
            place.push(name);
            match fs::symlink_metadata(&place) {
                Ok(meta) if meta.is_dir() => continue,
                Ok(_) => fs::remove_file(&place)?,
                Err(_) => {}
            }
            fs::create_dir(&place)?;
        }
    }
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_not_followed_out_of_the_tree() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("/", tree.path().join("a/out")).unwrap();
        assert_eq!(directory_in(tree.path(), Path::new("/a/b")), Some(tree.path().join("a/b")));
        assert_eq!(directory_in(tree.path(), Path::new("/a/out/etc")), None);
        assert_eq!(directory_in(tree.path(), Path::new("/a/none")), None);
        let made = make_directory_in(tree.path(), Path::new("/a/out/etc")).unwrap();
        assert_eq!(made, tree.path().join("a/out/etc"));
        assert!(fs::symlink_metadata(tree.path().join("a/out")).unwrap().is_dir());
    }
}
