/* SPDX-License-Identifier: Apache-2.0
 * Copyright The weft authors */
/*
 * Golden bytes of version 1 of the wire and of the token text: what they are made of is in the
 * tests that use them. They never change; a new form gets a new number and vectors of its own.
 */
#pragma once

#include <stdint.h>

__attribute__((unused)) static const char vector_cert[] =
    "01010100c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c13952dcf84e407e9e7abf5b917221a3df00000000"
    "0000010277777777777777777777777777777777777777777777777777777777777777776e287a28"
    "ccf1dff4f41022e63dc40f675582865a1ab4e778e0dcd306801d3a819e92e4e1a0b9ff0c3a19ed96"
    "97640af160eb8c278419a1d2b0371a8d414cd10f";
__attribute__((unused)) static const uint64_t vector_key_id = UINT64_C(0x4504e65c48fba3bc);
__attribute__((unused)) static const char vector_chain_root[] =
    "010000000000000003e8c6863253485fb8c29d03a49374c8cc9f4f0a35c7c65521478a18f504c531"
    "2a019f9d684e983d0aa0c4548c036b018c425d5f42063fb94f7bda4dc24d5f8e3f0e";
__attribute__((unused)) static const char vector_chain_token[] =
    "0101018139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b3940000000000"
    "0001f4961ead0f167f008632522a348627d34b71acfe8d03c3437a2917fcf6362c37d66a0a6ae69d"
    "4a10ae5bd2e45ba44bbf7b4ffe672acd4e97cfbe90026412cf4c0b70707070707070707070707070"
    "7070706e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf10000000000"
    "0007d071717171717171717171717171717171d8924d7f49f8826232fb4287f3bd2befe9eaee4b57"
    "c685dfc980c8991c4343593283b928aab797496c7bf44c92223a2339c95a4cf02f30e34ecae0385b"
    "ad580a9f83fe50d46418eb2276acd4e3cdb63c85aa3f66b55b908ba0c33d4d409f183844e3d5f252"
    "12b5db7f2a080f772fa141978bb44b5e9333889fc6f92778946706ed4928c628d1c2c6eae9033890"
    "5995612959273a5c63f93636c14614ac8737d100000000000003e82e4ad979a9493dc68f2607b489"
    "234031c72db129904304e7d448535b579dda81cec83cfd8ee448c32cd6dfb4c66c96686dbba3ab95"
    "52d32ac632760880281e03";
__attribute__((unused)) static const char vector_token[] =
    "weft1-lwHEIIqI4910CfGV_VLbLTy6XXLKZwm_HZQSG_N0iAG0D29cxGkBgTl3Dqh9F19Wo1Rmw0x-zM"
    "uNipG07jeiXfYPW4_Js5QAAAAAAAAABUYTtEnV0ZQVvulJZNSvoPNSDCKZEQKubStC2WUnEUBDBUECqL"
    "en3AkyhdzhLy5wL7N8h6WqNK_ZWYSGWVBniwzEiGgSigy3ofILRa0NIudxMpcor0PW2iVTzoEHGIL9qV"
    "zJ6rBbJDiNzO5ptd3pX3Uv-QAAAAAFJlwA2A6ibo4uTH5RDnfrR2wGNcZ_o1Z2HbxCAUau8moj_52ngn"
    "-t-fFi2lKVOtQ3AOaQwymHFaB6PWhiCPj9fN9voP6vngea8Qauvqyi_P1xdAfEFpPOBSZcAKR3ZWIqkZ"
    "Kkcm9sZaN3ZWLEIBZ-oaFkOLKHfj1xZbZCzfqV1Hc62Su9F_BA1Lj62v06ksQGwAACAR8LxBIgAQ24AA"
    "AAAAAAAAAAAAABHww18cPLO2s";
