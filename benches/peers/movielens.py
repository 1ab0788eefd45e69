"""Takes MovieLens-100k out of the wheel of recbole and writes it as user,entity,value,time.

    python movielens.py FOLDER_OF_THE_WHEEL OUTPUT.csv
"""

import pathlib
import sys
import zipfile

folder, output = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
[wheel] = folder.glob("recbole-*.whl")
with zipfile.ZipFile(wheel) as archive:
    [name] = [name for name in archive.namelist() if name.endswith("ml-100k.inter")]
    lines = archive.read(name).decode().splitlines()
assert lines[0].split("\t") == ["user_id:token", "item_id:token", "rating:float", "timestamp:float"], lines[0]
with open(output, "w") as out:
    out.write("user,entity,value,time\n")
    out.writelines(line.replace("\t", ",") + "\n" for line in lines[1:])
print(f"{len(lines) - 1} ratings in {output}")
