"""Install PyTorch's CPU build where this machine has no use for CUDA; "cpu" or "cuda" forces one.

The usual wheels for Linux hold CUDA and take gigabytes. Nothing is installed here where they are
wanted, or where PyTorch's index of CPU builds cannot be reached: the packages that are installed
next bring the usual ones.
"""

import platform
import shutil
import subprocess
import sys
import urllib.request

CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
PATIENCE = 5.0
"""Seconds that the index has to answer."""


def has_nvidia_gpu():
    """Return whether NVIDIA's driver reports a GPU."""
    if not (tool := shutil.which("nvidia-smi")):
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def answers(index):
    """Return "" if an index answers, or why not."""
    try:
        urllib.request.urlopen(f"{index}/torch/", timeout=PATIENCE).close()
    except OSError as error:
        return str(getattr(error, "reason", error))
    return ""


def install_cpu_build():
    """Install torch and torchvision as pinned, from the index of CPU builds; return whether."""
    # the other packages come from where they always do: this index is asked for these two alone
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *(
                "--no-compile",
                "--no-deps",
                "--constraint",
                "constraints.txt",
                "--index-url",
                CPU_BUILDS,
            ),
            *("torch", "torchvision"),
        ],
        check=False,
    )
    return done.returncode == 0


def main(choice=""):
    """Decide, tell, and install."""
    if choice not in ("", "cpu", "cuda"):
        sys.exit(f"type TORCH=cpu or TORCH=cuda, or leave it out; got TORCH={choice}")
    if choice == "cuda" or platform.system() != "Linux":
        return  # the usual wheels for Windows and macOS hold no CUDA
    if not choice and has_nvidia_gpu():
        print("An NVIDIA GPU is here: taking PyTorch with CUDA (TORCH=cpu for the one without).")
        return
    why = "as asked" if choice else "no NVIDIA GPU is here (TORCH=cuda for the other)"
    print(f"Taking PyTorch's CPU build: {why} ...", flush=True)
    reason = answers(CPU_BUILDS)
    if reason or not install_cpu_build():
        because = f" ({reason})" if reason else ""
        print(f"{CPU_BUILDS} does not give it{because}: taking the usual build.", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
