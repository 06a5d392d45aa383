package server

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/seal"
	"github.com/drover-hpc/drover/packaging/helm"
)

// KubernetesCommand is `drover kubernetes`.
func KubernetesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "kubernetes", Short: "Run Drover in a Kubernetes cluster"}
	cmd.AddCommand(manifestsCommand())
	return cmd
}

// manifestsCommand prints what the Helm chart makes.
func manifestsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "manifests",
		Short: "Print the objects of a server whose sessions are Jobs, for kubectl apply",
		Long: "Print the objects of a server whose sessions are Jobs: Namespace, ServiceAccounts, Role, RoleBinding,\n" +
			"PersistentVolumeClaim, Service and Deployment. They are those of the Helm chart.\n\n" +
			"    drover kubernetes manifests --image registry.example.org/drover:0.1.0 | kubectl apply -f -",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			namespace, _ := cmd.Flags().GetString("namespace")
			text, err := renderChart(namespace, cmd.Flags())
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	declareChart(cmd.Flags())
	return cmd
}

func declareChart(f *pflag.FlagSet) {
	f.String("namespace", "services", "`NAMESPACE` of server and sessions")
	f.String("image", "", "`IMAGE` of the server and of its sessions")
	f.String("image-pull-policy", "IfNotPresent", "`POLICY` by which nodes pull it: Always, IfNotPresent or Never")
	f.String("image-pull-secret", "", "`NAME` of the Secret with which they do")
	f.String("advertise", "", "`URL` by which nodes reach the server (default: the Service's, which only pods reach)")
	f.String("s3-advertise", "", "`URL` by which nodes reach its object store (default: the Service's)")
	f.String("tls-secret", "", "`NAME` of a Secret (kubernetes.io/tls) with the certificate of the server and of its object store, for drover.NAMESPACE.svc and for what clients call them; nodes then fetch artifacts at port 8084")
	f.String("node-tls-secret", "", "`NAME` of a Secret (kubernetes.io/tls) with the certificate that nodes see (default: plain HTTP, which older iPXE needs)")
	f.String("ca-configmap", "", "`NAME` of a ConfigMap with the key certificate_authority.crt: authorities that the server and its pods trust beside the system's, among them that of --tls-secret")
	f.String("service-type", "ClusterIP", "`TYPE` of the Service: ClusterIP, NodePort or LoadBalancer")
	f.Bool("host-network", false, "have the server use the network of the machine that it runs on")
	f.Bool("sessions-host-network", false, "have sessions do so")
	f.String("storage-size", "50Gi", "`SIZE` of the volume")
	f.String("storage-class", "", "`CLASS` of the volume (default: the cluster's)")
	f.String("secret", "drover", "`NAME` of a Secret whose keys become environment variables of the server; it need not exist")
	f.String("secret-key", "", "`FILE` of `drover secrets new-key`: print a Secret drover-secret-key with it (default: none; the server uses that Secret if there is one, else a key in its volume)")
	f.StringArray("option", nil, "a further `OPTION` of drover serve, such as --max-sessions=50; may be repeated")
	f.Bool("create-namespace", true, "print the Namespace too")
}

// renderChart fills the chart in with the flags' values.
func renderChart(namespace string, f *pflag.FlagSet) ([]byte, error) {
	values := map[string]any{}
	for flag, key := range chartValues {
		if p := f.Lookup(flag); p.Value.Type() == "bool" {
			values[key], _ = f.GetBool(flag)
		} else {
			values[key] = p.Value.String()
		}
	}
	values["options"], _ = f.GetStringArray("option")
	values["createSecretKey"] = false // it would be another one each time
	if file, _ := f.GetString("secret-key"); file != "" {
		keys, err := seal.Read(file)
		if err != nil {
			return nil, err
		}
		values["secretKey"] = keys.Text()
	}
	if values["image"] == "" {
		return nil, fault.New(fault.Invalid, "image: expected the image of server and sessions, such as registry.example.org/drover:%s", Version)
	}
	return helm.Render(namespace, values)
}

// chartValues are the chart's values by the flags that set them.
var chartValues = map[string]string{"image": "image", "image-pull-policy": "imagePullPolicy", "image-pull-secret": "imagePullSecret",
	"advertise": "advertise", "s3-advertise": "s3Advertise", "service-type": "serviceType", "host-network": "hostNetwork",
	"sessions-host-network": "sessionsHostNetwork", "storage-size": "storageSize", "storage-class": "storageClass", "secret": "secret",
	"create-namespace": "createNamespace", "tls-secret": "tlsSecret", "node-tls-secret": "nodeTLSSecret", "ca-configmap": "caConfigMap"}
