"""Does to a BMC what Ironic does, with sushy: sushy_client.py URL USER PASSWORD RESET

Prints one line for each step, "ok STEP" or "no STEP: why".
"""
import logging
import sys
import time

import sushy
from sushy import exceptions

logging.disable(logging.CRITICAL)  # the steps tell
url, user, password, reset = sys.argv[1:]


def step(name, do):
    try:
        result = do()
    except (exceptions.SushyError, AssertionError, KeyError, IndexError, TypeError) as why:
        print(f"no {name}: {type(why).__name__}: {' '.join(str(why).split())}")
        return None
    print(f"ok {name}")
    return result


def check(name, want, do):
    def compare():
        got = do()
        assert got == want, f"{got!r}, expected {want!r}"
    step(name, compare)


def boots():
    system.reset_system(sushy.ResetType(reset))
    end = time.monotonic() + 20
    while system.power_state != sushy.PowerState.ON:
        assert time.monotonic() < end, f"the system is {system.power_state}"
        time.sleep(0.1)
        system.refresh(force=True)


def override():
    system.set_system_boot_options(target=sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE)
    system.refresh(force=True)
    return system.boot.target


def members(services):
    return len(services.get_members())


root = step("log in", lambda: sushy.Sushy(url, username=user, password=password, verify=False))
if root is None:
    sys.exit(1)
system = step("find the system", lambda: [s for s in root.get_system_collection().get_members() if s.identity == "Node0"][0])
if system is None:
    sys.exit(1)
check("read the power state", sushy.PowerState.OFF, lambda: system.power_state)
step("read the reset types", lambda: system.get_allowed_reset_system_values())
check("read the interfaces", 1, lambda: len(system.ethernet_interfaces.summary))
check("read the processors", 1, lambda: members(system.processors))
step("read chassis and managers", lambda: (system.chassis[0].identity, system.managers[0].identity))
check("override the boot source", sushy.BootSource.PXE, override)
step("power on", boots)
step("read the sessions", lambda: members(root.get_session_service().sessions))
step("read the update service", lambda: (root.get_update_service().get_allowed_transfer_protocols(), members(root.get_update_service().firmware_inventory)))
step("read the event service", lambda: members(root.get_event_service().subscriptions))
step("read the task service", lambda: members(root.get_task_service().tasks))
step("read the registries", lambda: root.registries)
