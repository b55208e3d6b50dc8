//! Images. [Amazon Machine Images](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIs.html)

use serde::{Deserialize, Serialize};

use crate::id::id;
use crate::{Keys, Row, Scope, Timestamp};

id!(ImageId, "ami", "an image");

/// An image that a user registered. A well-formed id that nobody registered runs the host's own root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Account and region.
    pub scope: Scope,
    /// Its name, unique per owner and region.
    pub name: String,
    /// The user's words.
    pub description: String,
    /// The root directory on the host; from `ImageLocation`.
    pub root: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// The root device's name.
    pub root_device_name: String,
    /// Whether every account may launch it.
    pub public: bool,
    /// When it was registered.
    pub created: Timestamp,
}

impl Row for Image {
    type Id = ImageId;
    const TABLE: &'static str = "image";

    fn id(&self) -> ImageId {
        self.id.clone()
    }

    fn keys(&self, keys: &mut Keys) {
        keys.add("scope", &self.scope.to_string());
    }
}
