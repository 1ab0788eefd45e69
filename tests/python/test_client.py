"""A Python client, as a product backend would write it, against a running server.

    python tests/python/test_client.py --target 127.0.0.1:50051

Stubs are generated from proto/ into a temporary folder by grpcio-tools. The server must have the recommenders of
tests/python/recommend.toml; the test writes into a tenant of its own.
"""

import argparse
import importlib
import pathlib
import sys
import tempfile
import time
import unittest
import uuid

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_tools import protoc

PROTOS = pathlib.Path(__file__).resolve().parents[2] / "proto"
TARGET = "127.0.0.1:50051"


def generate_stubs(folder):
    """Generates the modules and returns (recommend_pb2, recommend_pb2_grpc, catalog_pb2, catalog_pb2_grpc)."""
    files = [str(path) for path in sorted(PROTOS.glob("recommend/v1/*.proto"))]
    import grpc_tools

    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    code = protoc.main(
        ["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]
    )
    if code != 0:
        raise RuntimeError("protoc failed")
    sys.path.insert(0, folder)
    return [
        importlib.import_module(f"recommend.v1.{name}")
        for name in ("recommend_pb2", "recommend_pb2_grpc", "catalog_pb2", "catalog_pb2_grpc")
    ]


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.api, api_grpc, cls.catalog, catalog_grpc = generate_stubs(cls.folder.name)
        cls.channel = grpc.insecure_channel(TARGET)
        grpc.channel_ready_future(cls.channel).result(timeout=10)
        cls.recommender = api_grpc.RecommendServiceStub(cls.channel)
        cls.entities = catalog_grpc.CatalogServiceStub(cls.channel)
        cls.tenant = f"python-{uuid.uuid4()}"

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.folder.cleanup()

    def ask(self, **fields):
        request = dict(tenant=self.tenant, user="ada", corpus="channel", source="browser", limit=5)
        return self.recommender.Recommend(self.api.RecommendRequest(**{**request, **fields}), timeout=10)

    def refused(self, code, call):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()

    def test_1_puts_entities_and_relations(self):
        value = self.catalog.AttributeValue
        created = Timestamp()
        created.FromJsonString("2024-01-02T03:04:05Z")
        channel = lambda id, **attributes: self.catalog.Entity(corpus="channel", id=id, attributes=attributes)
        request = self.catalog.PutEntitiesRequest(
            tenant=self.tenant,
            entities=[
                channel("general", created=value(time=created), topic=value(word="news")),
                channel("secret", private=value(flag=True)),
                channel("mine", size=value(number=3)),
            ],
        )
        self.assertEqual(self.entities.PutEntities(request, timeout=10).accepted, 3)
        tie = self.catalog.Relation(user="ada", kind="member", corpus="channel", entity="mine")
        request = self.catalog.PutRelationsRequest(tenant=self.tenant, relations=[tie])
        self.assertEqual(self.entities.PutRelations(request, timeout=10).accepted, 1)
        row = self.catalog.FeatureRow(corpus="channel", entity="general", values={"quality": 0.5})
        request = self.catalog.PutFeaturesRequest(tenant=self.tenant, rows=[row])
        self.assertEqual(self.entities.PutFeatures(request, timeout=10).accepted, 1)

    def test_2_asks_and_records_what_was_clicked(self):
        answer = self.ask(explain=True, why_not="secret")
        self.assertEqual([r.entity for r in answer.recommendations], ["general"])
        self.assertIn("not-private", answer.why_not)
        self.assertEqual(len(answer.request_id), 32)
        self.assertEqual(answer.report.stages[0].stage, "fetch")
        now = Timestamp()
        now.FromNanoseconds(time.time_ns())
        click = self.api.Interaction(
            request_id=answer.request_id, user="ada", corpus="channel", entity="general", kind="click", time=now
        )
        request = self.api.RecordInteractionsRequest(tenant=self.tenant, interactions=[click])
        first = self.recommender.RecordInteractions(request, timeout=10)
        again = self.recommender.RecordInteractions(request, timeout=10)
        self.assertEqual((first.accepted, first.duplicates), (1, 0))
        self.assertEqual((again.accepted, again.duplicates), (0, 1))
        self.assertEqual(self.ask().recommendations[0].score, 1.0)

    def test_3_lists_the_recommenders(self):
        answer = self.recommender.ListRecommenders(self.api.ListRecommendersRequest(), timeout=10)
        self.assertIn(("channel", "browser"), [(r.corpus, r.source) for r in answer.recommenders])

    def test_4_reads_errors_that_say_what_to_do(self):
        code = grpc.StatusCode
        details = self.refused(code.NOT_FOUND, lambda: self.ask(source="browsr"))
        self.assertIn("did you mean channel/browser?", details)
        details = self.refused(code.INVALID_ARGUMENT, lambda: self.ask(limit=0))
        self.assertIn("`limit`: must be 1 to 1000", details)
        details = self.refused(code.INVALID_ARGUMENT, lambda: self.ask(context={"hour": float("nan")}))
        self.assertIn("`context.hour`", details)
        details = self.refused(code.INVALID_ARGUMENT, lambda: self.ask(seeds=["x" * 60] * 170_000))
        self.assertIn("at most 4194304 bytes", details)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default=TARGET, help="host:port of the server's gRPC")
    arguments, rest = parser.parse_known_args()
    TARGET = arguments.target
    unittest.main(argv=[sys.argv[0], *rest])
