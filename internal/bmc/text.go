package bmc

import "fmt"

// The resources that hardly change, with {names} of what does.

const serviceRoot = `{"@odata.id":"{root}","@odata.type":"#ServiceRoot.v1_9_0.ServiceRoot","Id":"RootService","Name":"Root Service",
"RedfishVersion":"1.11.0","UUID":"{uuid}","ProtocolFeaturesSupported":{"ExpandQuery":{"NoLinks":{expands}}},"Vendor":"Drover","Product":"{model}",
"Systems":{"@odata.id":"{root}/Systems"},"Chassis":{"@odata.id":"{root}/Chassis"},"Managers":{"@odata.id":"{root}/Managers"},
"AccountService":{"@odata.id":"{root}/AccountService"},"SessionService":{"@odata.id":"{root}/SessionService"},
"EventService":{"@odata.id":"{root}/EventService"},"Tasks":{"@odata.id":"{root}/TaskService"},"UpdateService":{"@odata.id":"{root}/UpdateService"},
"Registries":{"@odata.id":"{root}/Registries"},"JsonSchemas":{"@odata.id":"{root}/JsonSchemas"},
"Links":{"Sessions":{"@odata.id":"{root}/SessionService/Sessions"}}}`

const systemText = `{"@odata.id":"{path}","@odata.type":"#ComputerSystem.v1_13_0.ComputerSystem","Id":"{id}","Name":"{id}",
"SystemType":"Physical","Manufacturer":"{manufacturer}","Model":"{model}","SerialNumber":"{serial}","PartNumber":"{model}","UUID":"{uuid}",
"BiosVersion":"{bios}","PowerState":"{power}","Status":{"State":"{status}","Health":"OK"},
"ProcessorSummary":{"Count":1,"Model":"{processor}"},"MemorySummary":{"TotalSystemMemoryGiB":{memory}},
"Boot":{"BootSourceOverrideEnabled":"{enabled}","BootSourceOverrideTarget":"{target}",
"BootSourceOverrideEnabled@Redfish.AllowableValues":["Disabled","Once","Continuous"],
"BootSourceOverrideTarget@Redfish.AllowableValues":["None","Pxe","Hdd"]},
"{ports}":{"@odata.id":"{path}/{ports}"},"Processors":{"@odata.id":"{path}/Processors"},"Memory":{"@odata.id":"{path}/Memory"},"Storage":{"@odata.id":"{path}/Storage"},
"LogServices":{"@odata.id":"{path}/LogServices"},
"Links":{"Chassis":{chassis},"ManagedBy":[{"@odata.id":"{root}/Managers/BMC"}]},
"Actions":{"#ComputerSystem.Reset":{"target":"{path}/Actions/ComputerSystem.Reset"{allowed}}}}`

const baseboardText = `{"@odata.id":"{root}/Systems/Baseboard","@odata.type":"#ComputerSystem.v1_13_0.ComputerSystem","Id":"Baseboard","Name":"Baseboard",
"SystemType":"Physical","Manufacturer":"Drover","Model":"Accelerator baseboard","SerialNumber":"BB{serial}","PowerState":"On",
"Status":{"State":"Enabled","Health":"OK"},
"Links":{"Chassis":[{"@odata.id":"{root}/Chassis/Enclosure"}],"ManagedBy":[{"@odata.id":"{root}/Managers/BMC"}]}}`

const roleText = `{"@odata.id":"{root}/AccountService/Roles/%[1]s","@odata.type":"#Role.v1_2_4.Role","Id":"%[1]s","RoleId":"%[1]s","Name":"%[1]s",
"Description":"What a user with this role may do","IsPredefined":true,"AssignedPrivileges":[%[2]s]}`

// accountResource is the one account of a controller.
func accountResource(user string) string {
	return fmt.Sprintf(`{"@odata.id":%q,"@odata.type":"#ManagerAccount.v1_8_0.ManagerAccount","Id":"1","Name":"User Account","UserName":%q,`+
		`"Password":null,"Enabled":true,"Locked":false,"RoleId":"Administrator","AccountTypes":["Redfish"],`+
		`"Links":{"Role":{"@odata.id":"%s/AccountService/Roles/Administrator"}}}`, accountPath, user, rootPath)
}

var services = map[string]string{
	"/Chassis/Enclosure": `{"@odata.id":"{root}/Chassis/Enclosure","@odata.type":"#Chassis.v1_17_0.Chassis","Id":"Enclosure","Name":"Enclosure",
"ChassisType":"RackMount",{adapters}{limits}"Manufacturer":"Drover","Model":"{model} enclosure","SerialNumber":"EN{serial}","PowerState":"On",
"Status":{"State":"Enabled","Health":"OK"},"Links":{"ComputerSystems":{systems},"ManagedBy":[{"@odata.id":"{root}/Managers/BMC"}]}}`,

	"/Managers/BMC": `{"@odata.id":"{root}/Managers/BMC","@odata.type":"#Manager.v1_10_0.Manager","Id":"BMC","Name":"BMC","ManagerType":"BMC",
"Manufacturer":"Drover","Model":"{model}","SerialNumber":"MC{serial}","FirmwareVersion":"1","UUID":"{uuid}","ServiceEntryPointUUID":"{uuid}","PowerState":"On",
"Status":{"State":"Enabled","Health":"OK"},"EthernetInterfaces":{"@odata.id":"{root}/Managers/BMC/EthernetInterfaces"},
"Links":{"ManagerForServers":{systems},"ManagerForChassis":[{"@odata.id":"{root}/Chassis/Enclosure"}]},
"Actions":{"#Manager.Reset":{"target":"{root}/Managers/BMC/Actions/Manager.Reset","ResetType@Redfish.AllowableValues":["GracefulRestart","ForceRestart"]}}}`,

	"/AccountService": `{"@odata.id":"{root}/AccountService","@odata.type":"#AccountService.v1_8_0.AccountService","Id":"AccountService","Name":"Account Service",
"ServiceEnabled":true,"Accounts":{"@odata.id":"{root}/AccountService/Accounts"},"Roles":{"@odata.id":"{root}/AccountService/Roles"},
"MinPasswordLength":8,"Status":{"State":"Enabled","Health":"OK"}}`,

	"/SessionService": `{"@odata.id":"{root}/SessionService","@odata.type":"#SessionService.v1_1_8.SessionService","Id":"SessionService","Name":"Session Service",
"ServiceEnabled":true,"SessionTimeout":1800,"Sessions":{"@odata.id":"{root}/SessionService/Sessions"},"Status":{"State":"Enabled","Health":"OK"}}`,

	"/EventService": `{"@odata.id":"{root}/EventService","@odata.type":"#EventService.v1_7_0.EventService","Id":"EventService","Name":"Event Service",
"ServiceEnabled":{events},"DeliveryRetryAttempts":3,"DeliveryRetryIntervalSeconds":1,"EventFormatTypes":["Event"],"RegistryPrefixes":["Base","ResourceEvent"],
"Subscriptions":{"@odata.id":"{root}/EventService/Subscriptions"},"Status":{"State":"{eventsAre}","Health":"OK"},
"Actions":{"#EventService.SubmitTestEvent":{"target":"{root}/EventService/Actions/EventService.SubmitTestEvent"}}}`,

	"/TaskService": `{"@odata.id":"{root}/TaskService","@odata.type":"#TaskService.v1_1_5.TaskService","Id":"TaskService","Name":"Task Service",
"ServiceEnabled":true,"CompletedTaskOverWritePolicy":"Oldest","LifeCycleEventOnTaskStateChange":false,
"Tasks":{"@odata.id":"{root}/TaskService/Tasks"},"Status":{"State":"Enabled","Health":"OK"}}`,

	"/UpdateService": `{"@odata.id":"{root}/UpdateService","@odata.type":"#UpdateService.v1_8_1.UpdateService","Id":"UpdateService","Name":"Update Service",
"ServiceEnabled":false,"FirmwareInventory":{"@odata.id":"{root}/UpdateService/FirmwareInventory"},"Status":{"State":"Disabled","Health":"OK"},
"Actions":{"#UpdateService.SimpleUpdate":{"target":"{root}/UpdateService/Actions/UpdateService.SimpleUpdate",
"TransferProtocol@Redfish.AllowableValues":["HTTP","HTTPS"]}}}`,

	"/UpdateService/FirmwareInventory/BMC": `{"@odata.id":"{root}/UpdateService/FirmwareInventory/BMC","@odata.type":"#SoftwareInventory.v1_4_0.SoftwareInventory",
"Id":"BMC","Name":"BMC firmware","Version":"1","Updateable":false,"Manufacturer":"Drover","SoftwareId":"BMC",
"RelatedItem@odata.count":1,"RelatedItem":[{"@odata.id":"{root}/Managers/BMC"}],"Status":{"State":"Enabled","Health":"OK"}}`,

	"/AccountService/Roles/Administrator": fmt.Sprintf(roleText, "Administrator", `"Login","ConfigureManager","ConfigureUsers","ConfigureSelf","ConfigureComponents"`),
	"/AccountService/Roles/Operator":      fmt.Sprintf(roleText, "Operator", `"Login","ConfigureSelf","ConfigureComponents"`),
	"/AccountService/Roles/ReadOnly":      fmt.Sprintf(roleText, "ReadOnly", `"Login","ConfigureSelf"`),

	"/Registries": `{"@odata.id":"{root}/Registries","@odata.type":"#MessageRegistryFileCollection.MessageRegistryFileCollection","Name":"Registries",
"Members@odata.count":0,"Members":[]}`,

	"/JsonSchemas": `{"@odata.id":"{root}/JsonSchemas","@odata.type":"#JsonSchemaFileCollection.JsonSchemaFileCollection","Name":"Schemas",
"Members@odata.count":0,"Members":[]}`,
}
