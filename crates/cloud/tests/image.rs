//! Images: registered directories, and the public ones that run the host's root.

mod harness;
mod lab;

use enishi_api::ec2::{
    AttributeValue, DeregisterImageRequest, DescribeImageAttributeRequest, DescribeImagesRequest, Filter,
    Image, LaunchPermission, LaunchPermissionModifications, ModifyImageAttributeRequest,
    RegisterImageRequest, RunInstancesRequest, ops,
};
use harness::{Harness, text};
use lab::{AMI, launch};

fn register(name: &str, root: &str) -> RegisterImageRequest {
    RegisterImageRequest { name: name.to_owned(), image_location: text(root), ..Default::default() }
}

fn filter(name: &str, values: &[&str]) -> Filter {
    Filter { name: text(name), values: values.iter().map(|value| (*value).to_owned()).collect() }
}

#[track_caller]
fn find(h: &mut Harness, owners: &[&str], filters: Vec<Filter>) -> Vec<Image> {
    let owners = owners.iter().map(|owner| (*owner).to_owned()).collect();
    h.ok::<ops::DescribeImages>(DescribeImagesRequest { owners, filters, ..Default::default() })
        .images
        .unwrap()
}

#[test]
fn a_directory_is_registered_launched_and_deregistered() {
    let mut h = Harness::new();
    let id = h.ok::<ops::RegisterImage>(register("alpine", "/srv/alpine")).image_id.unwrap();
    h.message::<ops::RegisterImage>(
        register("alpine", "/srv/other"),
        "InvalidAMIName.Duplicate",
        &format!("AMI name alpine is already in use by AMI {id}"),
    );
    for root in ["srv/alpine", "/srv/../etc", ""] {
        h.code::<ops::RegisterImage>(register("bad root", root), "InvalidParameterValue");
    }
    h.code::<ops::RegisterImage>(register("a", "/srv"), "InvalidAMIName.Malformed");

    let own = find(&mut h, &["self"], vec![]);
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].image_location.as_deref(), Some("/srv/alpine"));
    assert_eq!((own[0].state.as_deref(), own[0].public), (Some("available"), Some(false)));
    let instance = h.ok::<ops::RunInstances>(RunInstancesRequest { image_id: Some(id.clone()), ..launch() });
    assert_eq!(instance.instances.unwrap()[0].root_device_name.as_deref(), Some("/dev/sda1"));
    let arm =
        RunInstancesRequest { image_id: Some(id.clone()), instance_type: text("t4g.micro"), ..launch() };
    h.code::<ops::RunInstances>(arm, "InvalidParameterValue");

    h.ok::<ops::DeregisterImage>(DeregisterImageRequest { image_id: id.clone(), ..Default::default() });
    let again = DeregisterImageRequest { image_id: id.clone(), ..Default::default() };
    h.message::<ops::DeregisterImage>(
        again,
        "InvalidAMIID.NotFound",
        &format!("The image id '[{id}]' does not exist"),
    );
}

#[test]
fn an_image_of_another_account_is_seen_once_it_is_public() {
    let mut h = Harness::new();
    let id = h.ok::<ops::RegisterImage>(register("alpine", "/srv/alpine")).image_id.unwrap();
    h.act_as("111111111111", "us-east-1");
    let by_id = DescribeImagesRequest { image_ids: vec![id.clone()], ..Default::default() };
    h.code::<ops::DescribeImages>(by_id.clone(), "InvalidAMIID.NotFound");
    let run = RunInstancesRequest { image_id: Some(id.clone()), ..launch() };
    h.code::<ops::RunInstances>(run.clone(), "InvalidAMIID.NotFound");

    h.act_as("123456789012", "us-east-1");
    let all = LaunchPermission { group: text("all"), ..Default::default() };
    h.ok::<ops::ModifyImageAttribute>(ModifyImageAttributeRequest {
        image_id: id.clone(),
        launch_permission: Some(LaunchPermissionModifications { add: vec![all], ..Default::default() }),
        ..Default::default()
    });
    let attribute = DescribeImageAttributeRequest {
        image_id: id.clone(),
        attribute: "launchPermission".to_owned(),
        ..Default::default()
    };
    assert_eq!(h.ok::<ops::DescribeImageAttribute>(attribute).launch_permissions.unwrap().len(), 1);

    h.act_as("111111111111", "us-east-1");
    assert_eq!(h.ok::<ops::DescribeImages>(by_id).images.unwrap().len(), 1);
    h.ok::<ops::RunInstances>(run);
    let describe = ModifyImageAttributeRequest {
        image_id: id,
        description: Some(AttributeValue { value: text("mine") }),
        ..Default::default()
    };
    h.code::<ops::ModifyImageAttribute>(describe, "AuthFailure");
}

#[test]
fn an_unknown_id_is_the_host_s_root_and_says_so() {
    let mut h = Harness::new();
    let input = DescribeImagesRequest { image_ids: vec![AMI.to_owned()], ..Default::default() };
    let image = h.ok::<ops::DescribeImages>(input).images.unwrap().remove(0);
    assert_eq!(image.image_id.as_deref(), Some(AMI));
    assert_eq!(
        (image.root_device_name.as_deref(), image.root_device_type.as_deref()),
        (Some("/dev/xvda"), Some("ebs"))
    );
    assert!(image.description.unwrap().contains("host"));
    let input = DescribeImagesRequest { image_ids: vec!["ami-xyz".to_owned()], ..Default::default() };
    h.message::<ops::DescribeImages>(input, "InvalidAMIID.Malformed", "Invalid id: \"ami-xyz\"");
}

#[test]
fn the_patterns_that_people_paste_find_one_image_with_a_stable_id() {
    let mut h = Harness::new();
    for (owner, pattern, architecture) in [
        ("amazon", "al2023-ami-2023.*-kernel-6.1-x86_64", "x86_64"),
        ("amazon", "amzn2-ami-hvm-*-x86_64-gp2", "x86_64"),
        ("099720109477", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*", "x86_64"),
        ("099720109477", "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-arm64-server-*", "arm64"),
        ("136693071363", "debian-12-amd64-*", "x86_64"),
        ("099720109477", "ubuntu/images/hvm-ssd/ubuntu-bionic-18.04-amd64-server-*", "x86_64"),
    ] {
        let filters = vec![filter("name", &[pattern]), filter("virtualization-type", &["hvm"])];
        let found = find(&mut h, &[owner], filters.clone());
        assert_eq!(found.len(), 1, "{pattern}");
        assert_eq!(found[0].architecture.as_deref(), Some(architecture));
        assert_eq!(found, find(&mut h, &[owner], filters.clone()));
        let id = found[0].image_id.clone();
        h.act_as("111111111111", "eu-west-1");
        assert_eq!(find(&mut h, &[owner], filters)[0].image_id, id, "the id is the same everywhere");
        h.ok::<ops::RunInstances>(RunInstancesRequest { image_id: id, instance_type: None, ..launch() });
    }
    assert_eq!(find(&mut h, &["self"], vec![filter("name", &["al2023-*"])]), []);
    assert_eq!(
        find(
            &mut h,
            &["amazon"],
            vec![filter("name", &["al2023-ami-2023*"]), filter("architecture", &["arm64"])]
        )
        .len(),
        2
    );
}
