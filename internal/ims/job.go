package ims

import (
	"cmp"
	"maps"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/job"
)

// JobType is what a job makes an image of.
type JobType string

// The types of jobs.
const (
	Create    JobType = "create"    // of a recipe
	Customize JobType = "customize" // of another image
)

// JobStatus is where a job stands.
type JobStatus string

// The statuses, in the order in which a job has them. The last two are final.
const (
	JobCreating       JobStatus = "creating"
	JobFetchingRecipe JobStatus = "fetching_recipe"
	JobFetchingImage  JobStatus = "fetching_image"
	JobBuilding       JobStatus = "building_image"
	JobWaitingOnUser  JobStatus = "waiting_on_user"
	JobPackaging      JobStatus = "packaging_artifacts"
	JobSuccess        JobStatus = "success"
	JobError          JobStatus = "error"
)

// Final reports whether a job with the status has ended.
func (s JobStatus) Final() bool { return s == JobSuccess || s == JobError }

// ContainerStatus is where the shell of a job stands.
type ContainerStatus string

// The statuses of a shell.
const (
	ShellPending      ContainerStatus = "pending"
	ShellEstablishing ContainerStatus = "establishing"
	ShellActive       ContainerStatus = "active"
	ShellComplete     ContainerStatus = "complete"
)

// Job makes an image of a recipe or of another image.
type Job struct {
	ID         string         `json:"id" format:"uuid" readOnly:"true" doc:"ID of the job"`
	Created    Time           `json:"created" readOnly:"true" doc:"When the job was made"`
	Type       JobType        `json:"job_type" enum:"create,customize" doc:"What the job does"`
	Name       string         `json:"image_root_archive_name" doc:"Name of the resulting image"`
	Kernel     string         `json:"kernel_file_name" doc:"Kernel's file below /boot"`
	Initrd     string         `json:"initrd_file_name" doc:"Initial RAM disk's file below /boot"`
	Parameters string         `json:"kernel_parameters_file_name" doc:"Kernel parameters' file below /boot"`
	Status     JobStatus      `json:"status" readOnly:"true" enum:"creating,fetching_image,fetching_recipe,waiting_for_repos,building_image,waiting_on_user,packaging_artifacts,error,success" doc:"Where the job stands"`
	Error      string         `json:"error,omitempty" readOnly:"true" doc:"Why the job failed"`
	ArtifactID string         `json:"artifact_id" format:"uuid" doc:"Recipe or image that the job begins with"`
	KeyID      string         `json:"public_key_id" format:"uuid" doc:"Key that opens the shell"`
	KubeJob    string         `json:"kubernetes_job" readOnly:"true" doc:"Name of the job"`
	KubeSvc    string         `json:"kubernetes_service" readOnly:"true" doc:"Name under which the shell is reached"`
	KubeMap    string         `json:"kubernetes_configmap" readOnly:"true" doc:"Name of the job's settings"`
	Namespace  string         `json:"kubernetes_namespace" readOnly:"true" doc:"Where these names belong"`
	Containers []SSHContainer `json:"ssh_containers" nullable:"false" doc:"Shells into the image"`
	Debug      bool           `json:"enable_debug" doc:"Whether a failed build opens a shell"`
	ImageID    *string        `json:"resultant_image_id" format:"uuid" readOnly:"true" doc:"Image that the job made"`
	BuildSize  int            `json:"build_env_size" minimum:"1" doc:"Room for the build, in GiB"`
	MemSize    int            `json:"job_mem_size" minimum:"1" doc:"Memory for the build, in GiB; not limited here"`
	Arch       string         `json:"arch" readOnly:"true" enum:"aarch64,x86_64" doc:"Architecture of the image"`
	DKMS       bool           `json:"require_dkms" doc:"Whether the build needs DKMS"`
}

// SSHContainer is a shell into the image of a job.
type SSHContainer struct {
	Name   string          `json:"name" minLength:"1" maxLength:"40" doc:"Name of the shell"`
	Jail   bool            `json:"jail" doc:"Whether the shell sees the image alone"`
	Status ContainerStatus `json:"status,omitempty" readOnly:"true" doc:"Where the shell stands: pending, establishing, active or complete"`
	// ConnectionInfo has the same address for those in the cluster and for its
	// customers.
	ConnectionInfo map[string]SSHAddress `json:"connection_info,omitempty" readOnly:"true" doc:"Where the shell is reached, by network"`
}

// SSHAddress is where a shell is reached.
type SSHAddress struct {
	Host string `json:"host,omitempty" readOnly:"true" doc:"Host name or address"`
	Port int    `json:"port,omitempty" readOnly:"true" doc:"Port"`
}

// NewJob is what a new job is made from.
type NewJob struct {
	Type       JobType        `json:"job_type" enum:"create,customize" doc:"What to do"`
	ArtifactID string         `json:"artifact_id" format:"uuid" doc:"Recipe to build from or image to customize"`
	KeyID      string         `json:"public_key_id" format:"uuid" doc:"Key that opens the shell"`
	Name       string         `json:"image_root_archive_name" minLength:"1" maxLength:"255" doc:"Name of the resulting image"`
	Kernel     string         `json:"kernel_file_name,omitempty" minLength:"1" maxLength:"255" doc:"Kernel's file below /boot; vmlinuz unless given, Image on aarch64"`
	Initrd     string         `json:"initrd_file_name,omitempty" minLength:"1" maxLength:"255" doc:"Initial RAM disk's file below /boot; initrd unless given"`
	Parameters string         `json:"kernel_parameters_file_name,omitempty" minLength:"1" maxLength:"255" doc:"Kernel parameters' file below /boot; kernel-parameters unless given"`
	Debug      bool           `json:"enable_debug,omitempty" doc:"Whether a failed build opens a shell"`
	BuildSize  int            `json:"build_env_size,omitempty" minimum:"1" maximum:"16000" doc:"Room for the build, in GiB; 60 unless given"`
	MemSize    int            `json:"job_mem_size,omitempty" minimum:"1" doc:"Memory for the build, in GiB; not limited here"`
	DKMS       *bool          `json:"require_dkms,omitempty" doc:"Whether the build needs DKMS"`
	Containers []SSHContainer `json:"ssh_containers,omitempty" nullable:"false" doc:"Shell into the image; one at most"`
}

// Defaults of jobs, as the published service has them.
const (
	defaultBuildSize = 60 // GiB
	defaultMemSize   = 8  // GiB
	defaultShell     = "customize"
)

// check refuses what the types alone do not.
func (n NewJob) check() error {
	switch {
	case n.Type == Create && len(n.Containers) > 0:
		return fault.New(fault.Invalid, "a create job has no shells; enable_debug opens one when the build fails - 'ssh_containers'")
	case len(n.Containers) > 1:
		return fault.New(fault.Invalid, "%d shells: expected one at most - 'ssh_containers'", len(n.Containers))
	}
	for _, c := range n.Containers {
		if err := fault.CheckName("ssh_containers[0].name", c.Name); err != nil {
			return err
		}
	}
	return fault.CheckName("image_root_archive_name", n.Name)
}

// job is the record that n makes for an artifact of that architecture.
func (n NewJob) job(id, arch string, created Time) Job {
	j := Job{ID: id, Created: created, Type: n.Type, Name: n.Name, Status: JobCreating, ArtifactID: n.ArtifactID,
		KeyID: n.KeyID, Namespace: "ims", Debug: n.Debug, Arch: arch, DKMS: n.DKMS == nil || *n.DKMS,
		Kernel: cmp.Or(n.Kernel, kernelName(arch)), Initrd: cmp.Or(n.Initrd, "initrd"),
		Parameters: cmp.Or(n.Parameters, "kernel-parameters"), BuildSize: cmp.Or(n.BuildSize, defaultBuildSize),
		MemSize: cmp.Or(n.MemSize, defaultMemSize), Containers: []SSHContainer{}}
	base := "cray-ims-" + id + "-"
	j.KubeJob, j.KubeSvc, j.KubeMap = base+string(n.Type), base+"service", base+"configmap"
	if n.Type == Customize {
		c := SSHContainer{Name: defaultShell}
		if len(n.Containers) > 0 {
			c.Name, c.Jail = n.Containers[0].Name, n.Containers[0].Jail
		}
		c.Status = ShellPending
		j.Containers = append(j.Containers, c)
	}
	return j
}

func kernelName(arch string) string {
	if arch == AArch64 {
		return "Image"
	}
	return "vmlinuz"
}

// JobOrder is what a runner needs of a job. It stays as it is: what the
// records say later changes nothing.
type JobOrder struct {
	ID   string  `json:"id"`
	Type JobType `json:"type"`
	// Recipe is the type of a create job's recipe.
	Recipe     string     `json:"recipe,omitempty"`
	Template   []KeyValue `json:"template,omitempty"`
	Source     Link       `json:"source"`     // manifest or recipe
	ImageID    string     `json:"image_id"`   // of the result
	PublicKey  string     `json:"public_key"` // as OpenSSH writes it
	Kernel     string     `json:"kernel"`
	Initrd     string     `json:"initrd"`
	Parameters string     `json:"parameters"`
	Arch       string     `json:"arch"`
	Jail       bool       `json:"jail,omitempty"`
	Debug      bool       `json:"debug,omitempty"`
	BuildSize  int        `json:"build_size"` // GiB
}

// JobProgress is what a runner knows of a job.
type JobProgress struct {
	job.State
	// Shell is where the shell is reached; nil while there is none.
	Shell *SSHAddress
	// Manifest is that of the image, once all of it is uploaded.
	Manifest *Link
}

// The steps of jobs, which their statuses are made of.
const (
	StepFetch  = "fetch"  // the image's root file system, or the recipe
	StepUnpack = "unpack" // the root file system
	StepBuild  = "build"
	StepShell  = "shell"
	StepPack   = "pack"
	StepUpload = "upload"
)

// jobRecord is a job as it is kept.
type jobRecord struct {
	Job   Job      `json:"job"`
	Order JobOrder `json:"order"`
	// Metadata are the annotations of the image that the job makes.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Deleting jobs are gone for all but those who clear up behind them.
	Deleting bool `json:"deleting,omitempty"`
	// Cleared tells that nothing of an ended job is left but its record, its
	// logs, and the image if it made one.
	Cleared bool `json:"cleared,omitempty"`
}

// image is what a successful job makes.
func (r *jobRecord) image(manifest *Link, created Time) Image {
	return Image{ID: r.Order.ImageID, Created: created, Name: r.Job.Name, Link: manifest, Arch: r.Job.Arch,
		Metadata: maps.Clone(r.Metadata)}
}

// follow brings the record of a job that has not ended to where the runner
// says that it stands, and reports whether that is news. It does not end it.
func (j *Job) follow(p JobProgress) bool {
	status, shell := j.Status, ContainerStatus("")
	switch p.Step {
	case StepFetch, StepUnpack:
		status, shell = JobFetchingImage, ShellPending
		if j.Type == Create {
			status = JobFetchingRecipe
		}
	case StepBuild:
		status = JobBuilding
	case StepShell:
		shell = ShellEstablishing
	case StepPack, StepUpload:
		status, shell = JobPackaging, ShellComplete
	}
	var info map[string]SSHAddress
	if p.Shell != nil {
		status, shell = JobWaitingOnUser, ShellActive
		info = map[string]SSHAddress{"customer_access": *p.Shell, "cluster.local": *p.Shell}
		if len(j.Containers) == 0 { // for the debugging of a build
			j.Containers = []SSHContainer{{Name: "debug"}}
		}
	}
	changed := status != j.Status
	j.Status = status
	if len(j.Containers) > 0 && shell != "" {
		c := &j.Containers[0]
		changed = changed || c.Status != shell || !maps.Equal(c.ConnectionInfo, info)
		c.Status, c.ConnectionInfo = shell, info
	}
	return changed
}

// end brings the record of a job to its end: successful with an image, failed
// without.
func (j *Job) end(image *string, why string) {
	j.Status, j.Error, j.ImageID = JobSuccess, why, image
	if image == nil {
		j.Status = JobError
	}
	for i := range j.Containers {
		j.Containers[i].Status, j.Containers[i].ConnectionInfo = ShellComplete, nil
	}
}
