// Package imagejob is what the jobs of the Image Management Service do. A job
// is a directory and steps, each a program of its own, "drover ims-job STEP
// --job DIR", so that it outlives the server:
//
//	order.json, settings.json   what to do (ims.JobOrder, Settings), never changed
//	volume.img                  a file system of the size that the job was granted, mounted for
//	                            each step in a mount namespace of its own, as volume/:
//	  rootfs.squashfs, recipe   fetch: what the job begins with
//	  image/image-root/         unpack, or build: the image's root file system
//	  image/, tmp/              where the user of the shell leaves the word that it is over
//	  tools/                    the host's programs, beside which an image is shown
//	  out/                      pack, or build: what is uploaded
//	shell.json                  where the shell is reached, while it is
//	image.json                  the manifest of the image that was made
//
//	customize         fetch ─► unpack ─► shell ─► pack ─► upload
//	create, kiwi-ng   fetch ─► build ─► pack ─► upload
//	create, drover    fetch ─► build ─► upload
//
// In Kubernetes a job is a privileged pod with a container for each step, whose
// directory is the pod's; the server gets shell.json, image.json and waits.json.
//
// Nothing that a job mounts is seen outside, and all of it is gone with its
// processes, however they end. The service makes the record of the image when
// the job has succeeded.
package imagejob
