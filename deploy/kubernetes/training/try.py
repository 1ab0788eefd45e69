"""Checks the manifests of training without a cluster: each resource against Kubernetes' own schema, strictly, and the
CronJob's containers by running their commands one after the other over the log of a demo workspace, as its pod would.

    make kubernetes-test        (brings kubernetes-validate from PyPI and builds the binary)

The mounts become folders of a temporary one. What must come out is a promoted artifact; a second run of the same pod must
leave it as it is, and the Job that trains without publishing must publish nothing.
"""

import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(sys.argv[1]).resolve()


def resources():
    for file in sorted(HERE.glob("*.yaml")):
        for resource in yaml.safe_load_all(file.read_text()):
            metadata = resource["metadata"]
            # The package wants a name to call it by; the API server makes one of this.
            metadata.setdefault("name", f"{metadata.get('generateName', '')}x")
            version = kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
            print(f"{file.name}: {resource['kind']} {metadata['name']} is valid for Kubernetes {version}")
            yield resource


def run(*words):
    print("$ recommend", *words, flush=True)
    done = subprocess.run([BINARY, *words], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"it ended with {done.returncode}")
    return done.stdout


def moved(word, mounts):
    """A flag with its path in the folder that stands for a mount."""
    flag, joint, value = word.partition("=")
    for path, folder in mounts.items():
        if value == path or value.startswith(f"{path}/"):
            return f"{flag}{joint}{folder}{value[len(path):]}"
    return word


def run_pod(spec, config_maps, root):
    """Runs the containers of a pod in order, each of its mounts being a folder below `root`."""
    folders = {}
    for volume in spec["volumes"]:
        folders[volume["name"]] = root / volume["name"]
        folders[volume["name"]].mkdir(exist_ok=True)
        if "configMap" in volume:
            for name, text in config_maps[volume["configMap"]["name"]].items():
                # All that a demo logs is of one moment, which no split by time can part.
                (folders[volume["name"]] / name).write_text(text + 'split = { by = "request" }\n')
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        mounts = {mount["mountPath"]: folders[mount["name"]] for mount in container["volumeMounts"]}
        run(*(moved(word, mounts) for word in container["args"]))


def main():
    found = list(resources())
    config_maps = {it["metadata"]["name"]: it["data"] for it in found if it["kind"] == "ConfigMap"}
    [cron] = [it["spec"]["jobTemplate"]["spec"] for it in found if it["kind"] == "CronJob"]
    [job] = [it["spec"] for it in found if it["kind"] == "Job"]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        data = root / "data"
        run("demo", "--no-learning", "--people", "300", "--channels", "120", "--days", "30", "--rounds", "400", "--data", str(data))
        listed = []
        for _ in range(2):
            run_pod(cron["template"]["spec"], config_maps, root)
            listed.append(run("artifacts", "list", "--json", "--artifacts", str(data / "artifacts")).splitlines())
        run_pod(job["template"]["spec"], config_maps, root)
        listed.append(run("artifacts", "list", "--json", "--artifacts", str(data / "artifacts")).splitlines())
    if any(len(lines) != 1 or '"current":true' not in lines[0] for lines in listed):
        sys.exit(f"expected one version, promoted: {listed}")
    print("two runs of the pod and a dry run: one version, promoted")


main()
