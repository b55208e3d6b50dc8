//! Objects that other parts of the cloud read: certificates of trust stores.

use enishi_state::s3::{Bucket, BucketId};
use enishi_wire::Fault;
use http_body_util::BodyExt;

use super::Objects;

impl Objects {
    /// An object's data; `None` if there is none, or it is longer than `most`.
    ///
    /// # Errors
    /// `InternalError` when it cannot be read.
    pub async fn contents(&self, bucket: &str, key: &str, most: u64) -> Result<Option<Vec<u8>>, Fault> {
        let unreadable = || Fault::internal("the object cannot be read");
        let world = self.world();
        let Some(bucket) = world.get::<Bucket>(&BucketId::new(bucket)) else { return Ok(None) };
        if !self.0.store.exists() {
            return Ok(None);
        }
        let found = self.store().find(bucket.uid, key).await.map_err(|_| unreadable())?;
        let Some(found) = found else { return Ok(None) };
        let bytes = found.object.bytes;
        if bytes > most {
            return Ok(None);
        }
        let data = found.read(0, bytes).collect().await.map_err(|_| unreadable())?;
        Ok(Some(data.to_bytes().to_vec()))
    }
}
