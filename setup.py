"""What pyproject.toml cannot say: the assets, which lie beside app/, go into the wheel within it.

A wheel has no place of its own beside its packages; app/settings/assets.py knows both places.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["app", "app.*"]), "app.assets"],
    package_dir={"app.assets": "assets"},
)
