package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3response"
)

// toldChecksum is the attribute of a part that has the checksum which was told
// to the client, of an upload that was created without one. The library would
// take the checksum for a wrong one when the client sends it back.
const toldChecksum = "told-checksum"

// UploadPart keeps the checksum that it answers with.
func (o objects) UploadPart(ctx context.Context, in *s3.UploadPartInput) (*s3.UploadPartOutput, error) {
	out, err := o.Backend.UploadPart(ctx, in)
	if err != nil {
		return out, err
	}
	part := partPath(*in.Key, *in.UploadId, *in.PartNumber)
	if _, err := o.attributes.RetrieveAttribute(nil, *in.Bucket, part, "checksums"); err == nil {
		return out, nil // the library knows it
	}
	for name, sum := range map[string]*string{"CRC32": out.ChecksumCRC32, "CRC32C": out.ChecksumCRC32C, "CRC64NVME": out.ChecksumCRC64NVME,
		"SHA1": out.ChecksumSHA1, "SHA256": out.ChecksumSHA256} {
		if sum == nil {
			continue
		}
		if err := o.attributes.StoreAttribute(nil, *in.Bucket, part, toldChecksum, []byte(name+" "+*sum)); err != nil {
			return nil, fmt.Errorf("keep the checksum of part %d of %s: %w", *in.PartNumber, *in.Key, err)
		}
	}
	return out, nil
}

// CompleteMultipartUpload takes checksums of parts as they were told, of an
// upload that was created without. Others are left for the library to judge.
func (o objects) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	parts := slices.Clone(in.MultipartUpload.Parts)
	for i := range parts {
		o.forgetTold(*in.Bucket, *in.Key, *in.UploadId, &parts[i])
	}
	in.MultipartUpload = &types.CompletedMultipartUpload{Parts: parts}
	out, version, err := o.Backend.CompleteMultipartUpload(ctx, in)
	return out, version, inWords(err, o.bucket(in.Bucket), *in.Key)
}

// forgetTold takes the checksum out of part that was told when it was uploaded.
func (o objects) forgetTold(bucket, key, upload string, part *types.CompletedPart) {
	if part.PartNumber == nil {
		return
	}
	told, err := o.attributes.RetrieveAttribute(nil, bucket, partPath(key, upload, *part.PartNumber), toldChecksum)
	if err != nil {
		return
	}
	for name, sum := range map[string]**string{"CRC32": &part.ChecksumCRC32, "CRC32C": &part.ChecksumCRC32C, "CRC64NVME": &part.ChecksumCRC64NVME,
		"SHA1": &part.ChecksumSHA1, "SHA256": &part.ChecksumSHA256} {
		if *sum != nil && name+" "+**sum == string(told) {
			*sum = nil
		}
	}
}

// partPath is where the library keeps a part.
func partPath(key, upload string, number int32) string {
	sum := sha256.Sum256([]byte(key))
	return path.Join(posix.MetaTmpMultipartDir, hex.EncodeToString(sum[:]), upload, strconv.Itoa(int(number)))
}
